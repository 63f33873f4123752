"""Neither micro-batches nor processes change what a step reads or what is scored."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from hnet_seq.train.statistics import sum_in_any_order
from modalities import dna
from tests.forked import end_all, ranks
from tests.train.runs import make_shards
from tests.train.same_windows import PARTS, group

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, Any]]]:
    """By the number of processes what each of them has found, by parts of a step."""
    folder = tmp_path_factory.mktemp("windows")
    letters = dna.decode(np.random.default_rng(0).integers(0, 4, 12_000).astype(np.uint8))
    shards = make_shards(folder, letters)
    by_count: dict[int, list[dict[str, Any]]] = {}
    for count in (1, 2, 3):
        out = folder / f"{count}"
        out.mkdir()
        ended = end_all(ranks(count, group, shards, out, folder=out))
        assert [own.code for own in ended] == [0] * count, ended[0].err
        by_count[count] = [json.loads((out / f"{rank}.json").read_text()) for rank in range(count)]
    return by_count


def test_a_step_reads_the_same_windows(found: dict[int, list[dict[str, Any]]]) -> None:
    whole = found[1][0]["1"]["windows"]
    assert all(len(step) >= 8 for step in whole)
    for count, parts in found.items():
        for part in map(str, PARTS):
            dealt = zip(*(own[part]["windows"] for own in parts), strict=True)
            steps = [sorted(chain.from_iterable(step)) for step in dealt]
            assert steps == whole, (count, part)


def test_validation_is_the_same(found: dict[int, list[dict[str, Any]]]) -> None:
    alone = found[1][0]
    whole = alone["1"]
    for count, parts in found.items():
        for own in parts:
            for part in map(str, PARTS):
                assert own[part]["scored_tokens"] == whole["scored_tokens"]
                assert own[part]["stages"] == whole["stages"]
                # As many processes as one likes: the same bits. Matrices of other sizes are
                # rounded in another order, which moves one loss of thirty by its last digit.
                assert own[part]["bits_per_token"] == alone[part]["bits_per_token"], (count, part)
                bits = pytest.approx(whole["bits_per_token"], rel=1e-8, abs=0)
                assert own[part]["bits_per_token"] == bits, (count, part)


def test_a_sum_of_sums_does_not_depend_on_their_order() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(10_000, generator=generator) * 3
    whole = sum_in_any_order(values)
    assert whole == pytest.approx(float(values.double().sum()), rel=1e-9)
    for parts in (2, 7, 900):
        shuffled = values[torch.randperm(len(values), generator=generator)]
        assert sum(map(sum_in_any_order, shuffled.tensor_split(parts))) == whole
