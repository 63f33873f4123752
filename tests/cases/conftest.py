"""The model that the cases are tried with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hnet_seq.cli import main
from tests.cases.test_shared_cases import CASES
from tests.few_penalties import few_penalties


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    with few_penalties():
        yield


@pytest.fixture(scope="session")
def case_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a model trained for four steps, as the cases' README makes it."""
    folder, given = tmp_path_factory.mktemp("case_model"), CASES / "model"
    shards, run = str(folder / "shards"), folder / "run"
    split = ["--validation", "last:0.2", "--guard", "0"]
    assert main(["shard", str(given / "genome.fa"), *split, "--out", shards]) == 0
    assert main(["pretrain", str(given / "tiny.yaml"), "--data", shards, "--out", str(run)]) == 0
    return run
