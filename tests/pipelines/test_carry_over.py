"""Sequences that begin with tokens of their document that were read before."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.tasks.shard import shard
from modalities import dna
from modalities.errors import UsageError
from pipelines.batches.token_batches import IGNORED, TokenBatches

CONTEXT, BATCH, CARRIED = 64, 150, 20
# Without a place that occurs twice, so that a sequence tells where it lies.
GENOME = "".join(np.random.default_rng(5).choice(list("ACGT"), 3000))
RECORDS = {"long": GENOME[:2300], "short": GENOME[2300:2340], "medium": GENOME[2340:]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("carry")
    (path / "g.fa").write_text("".join(f">{n}\n{s}\n" for n, s in RECORDS.items()))
    shard([path / "g.fa"], path / "s", block_size=256, progress=False)
    return path / "s"


def source(folder: Path, carry_over: int, **options: Any) -> TokenBatches:
    return TokenBatches(folder, "train", CONTEXT, BATCH, 3, carry_over=carry_over, **options)


def sequences(batches: TokenBatches, k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    batch = batches[k]
    return [
        (batch.input_ids[a:b], batch.targets[a:b]) for a, b in pairwise(batch.cu_seqlens.tolist())
    ]


@pytest.mark.parametrize("both_strands", [False, True])
def test_sequences_are_those_without_it_after_what_stands_before_them(
    folder: Path, both_strands: bool
) -> None:
    plain = source(folder, 0, reverse_complement=both_strands)
    carrying = source(folder, CARRIED, reverse_complement=both_strands)
    strands = list(RECORDS.values())
    if both_strands:
        strands += [dna.decode(dna.reverse_complement(dna.encode(s))) for s in strands]
    lengths = set()
    for k in range(3 * plain.batches_per_epoch):
        pairs = zip(sequences(plain, k), sequences(carrying, k), strict=True)
        for (ids, targets), (longer, goals) in pairs:
            carried = len(longer) - len(ids)
            lengths.add(carried)
            assert (longer[carried:] == ids).all()
            assert (goals[carried:] == targets).all()
            assert (goals[:carried] == IGNORED).all()
            text, own = dna.decode(longer), dna.decode(ids)
            if len(own) >= 12:
                (place,) = [(s, s.find(own)) for s in strands if own in s]
                strand, start = place
                # All there is, up to what was asked for; the base after a turned window, which
                # it was not asked to predict, is its first.
                assert carried == min(CARRIED, start)
                assert strand[start - carried :].startswith(text)
    assert {0, CARRIED} < lengths


def test_it_is_part_of_the_order(folder: Path) -> None:
    assert source(folder, 0).fingerprint != source(folder, CARRIED).fingerprint
    with pytest.raises(UsageError, match="carry_over"):
        source(folder, -1)
