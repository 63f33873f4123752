"""What is validated on: the same sequences whatever is computed at once, and no more than asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.masked_lm import language_model
from hnet_seq.tasks.pretrain_data import training_batches, validation_sources
from hnet_seq.train.evaluation import ValidationSource, evaluate
from tests.pipelines.made_shards import Written, write_shards
from tests.train.runs import TINY, tiny

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
        assert found["scored_tokens"] == whole["scored_tokens"]
        assert found["bits_per_token"] == pytest.approx(whole["bits_per_token"], rel=1e-6)
        histograms = [f["stages"][0]["chunk_length_histogram"] for f in (found, whole)]
        assert histograms[0] == histograms[1]


def test_without_a_bound_batches_are_those_of_the_split(folder: Path) -> None:
    _, parts = sources(folder)
    for part in parts:
        assert len(part.micro_batches) == part.batches.batches_per_epoch
        for k in range(part.batches.batches_per_epoch):
            for name in ("input_ids", "targets", "cu_seqlens"):
                mine, whole = getattr(part.read(k), name), getattr(part.batches[k], name)
                assert mine.tobytes() == whole.tobytes()


def test_a_bound_is_shared_out_by_size_and_spread_over_the_split(folder: Path) -> None:
    _, parts = sources(folder, "data.validation_tokens=2000")
    total = 3 * sum(SIZES.values())
    for part in parts:
        stretches = [stretch for group in part.micro_batches for stretch in group]
        tokens, size = sum(b - a for a, b in stretches), 3 * SIZES[part.label]
        share = 2000 * size / total
        # Up to a fifth less where shorter sequences were met, and a window.
        assert 0.8 * share - 128 <= tokens <= share or len(stretches) == 1
        if part.label == "long":
            # From each of the three documents.
            assert {a // SIZES["long"] for a, _ in stretches} == {0, 1, 2}
    # The same each time, and no more than there is.
    again = sources(folder, "data.validation_tokens=2000")[1]
    assert [part.micro_batches for part in again] == [part.micro_batches for part in parts]
    everything = sources(folder, "data.validation_tokens=1000000")[1]
    assert [p.micro_batches for p in everything] == [p.micro_batches for p in sources(folder)[1]]


def test_small_micro_batches_keep_their_bound(folder: Path) -> None:
    assert "data.context=128" in TINY
    _, parts = sources(folder, "data.micro_batch_tokens=256")
    for part in parts:
        for group in part.micro_batches:
            assert sum(b - a for a, b in group) <= 256
