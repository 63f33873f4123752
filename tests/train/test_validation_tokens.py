"""What is validated on: the same sequences whatever is computed at once, and no more than asked."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.masked_lm import language_model
from hnet_seq.tasks.pretrain_data import (
    report_sources,
    training_batches,
    validation_sources,
)
from hnet_seq.train.evaluation import TOKENS_AT_ONCE, ValidationSource, evaluate
from tests.pipelines.made_shards import Written, write_shards
from tests.train.runs import tiny

SIZES = {"long": 3000, "short": 40, "tail": 501}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of documents with three labels, from tens to thousands of tokens."""
    path = tmp_path_factory.mktemp("validation")
    generator = np.random.default_rng(0)
    documents = [
        Written(f"{split}{label}{i}", generator.integers(0, 4, size, np.uint8), label, split)
        for split in ("train", "validation")
        for label, size in SIZES.items()
        for i in range(3)
    ]
    write_shards(path / "shards", documents)
    return path / "shards"


def sources(
    folder: Path, *overrides: str, experiment: str = "ecoli_demo"
) -> tuple[ExperimentConfig, list[ValidationSource]]:
    config = tiny(experiment, folder, *overrides)
    return config, validation_sources(config, training_batches(config))


@pytest.mark.parametrize("experiment", ["ecoli_demo", "ecoli_masked"])
@pytest.mark.parametrize("limit", [0, 700])
def test_the_figures_do_not_depend_on_what_is_computed_at_once(
    folder: Path, experiment: str, limit: int
) -> None:
    whole = None
    for micro in (0, 512, 300, 64):
        keys = [f"data.micro_batch_tokens={micro}", f"data.validation_tokens={limit}"]
        config, parts = sources(folder, *keys, "data.context=200", experiment=experiment)
        model = language_model(config.model, seed=1)
        found = evaluate(model, parts, [3.0])
        whole = whole or found
        assert found == whole  # to the last digit


def test_the_split_is_read_once_in_calls_of_a_bounded_size(folder: Path) -> None:
    _, parts = sources(folder, "data.batch_tokens=8192")
    for part in parts:
        total = 3 * SIZES[part.label]
        assert part.calls[0][0][0] == 0
        stretches = [stretch for call in part.calls for stretch in call]
        assert all(a[1] == b[0] for a, b in pairwise(stretches))
        assert stretches[-1][1] == total
        assert max(sum(b - a for a, b in call) for call in part.calls) <= TOKENS_AT_ONCE
        assert len(part.calls) == -(-total // TOKENS_AT_ONCE)


def test_a_bound_is_shared_out_by_size_and_spread_over_the_split(folder: Path) -> None:
    _, parts = sources(folder, "data.validation_tokens=2000")
    total = 3 * sum(SIZES.values())
    for part in parts:
        stretches = [stretch for call in part.calls for stretch in call]
        tokens, size = sum(b - a for a, b in stretches), 3 * SIZES[part.label]
        share = 2000 * size / total
        # Up to a fifth less where shorter sequences were met, and a window.
        assert 0.8 * share - 128 <= tokens <= share or len(stretches) == 1
        if part.label == "long":
            # From each of the three documents.
            assert {a // SIZES["long"] for a, _ in stretches} == {0, 1, 2}
    # The same each time, and no more than there is.
    again = sources(folder, "data.validation_tokens=2000")[1]
    assert [part.calls for part in again] == [part.calls for part in parts]
    everything = sources(folder, "data.validation_tokens=1000000")[1]
    assert [p.calls for p in everything] == [p.calls for p in sources(folder)[1]]


def test_a_bound_on_nothing_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = tmp_path / "shards"
    write_shards(shards, [Written("a", np.ones(900, np.uint8), "", "train")])
    for path, told in ((folder, False), (shards, True)):
        config = tiny("ecoli_demo", path, "data.validation_tokens=100")
        report_sources(config, training_batches(config))
        assert ("data.validation_tokens bounds nothing" in capsys.readouterr().err) == told
