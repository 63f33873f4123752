"""The model that the cases are tried with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hnet_seq.cli import main
from hnet_seq.evidence.probes import logistic
from tests.cases.test_shared_cases import CASES


@pytest.fixture(scope="session", autouse=True)
def few_penalties() -> Iterator[None]:
    """As for all verbs: how a penalty is chosen is tested in ``tests/evidence``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logistic, "PENALTIES", (1e-3, 1e-1))
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
