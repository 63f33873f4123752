"""A run on a full disk: told in a line, and gone on with when there is room."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from tests.full_disk import entries, files_of_at_most
from tests.train.runs import TINY, make_shards, metrics, weights


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    letters = np.random.default_rng(0).choice(list("ACGT"), 6_000)
    return make_shards(tmp_path_factory.mktemp("full"), "".join(letters))


def test_a_full_disk_is_told_in_a_line_and_the_run_goes_on(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def begin(out: Path) -> int:
        return main(["pretrain", "ecoli_demo", *TINY, "--data", str(shards), "--out", str(out)])

    whole = tmp_path / "whole"
    assert begin(whole) == 0
    last = whole / "checkpoints/step-000006"
    size, larger = ((last / n).stat().st_size for n in ("model.safetensors", "trainer.pt"))
    log = (whole / "metrics.jsonl").stat().st_size
    assert log < size < larger
    # The first checkpoint has no optimiser state yet.
    for limit, file, last_whole in (
        (size // 2, "checkpoints/step-000000", "no checkpoint yet"),
        (size - 1, "checkpoints/step-000000", "no checkpoint yet"),
        (larger - 1, "checkpoints/step-000003/trainer.pt", "step-000000"),
        ((size + larger) // 2, "checkpoints/step-000003/trainer.pt", "step-000000"),
        (log * 2 // 3, "", "no checkpoint yet"),
    ):
        out = tmp_path / f"run-{limit}"
        capsys.readouterr()
        with files_of_at_most(limit):
            assert begin(out) == 1
        (said,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("hnet-seq")]
        assert f"{out}/{file}" in said
        assert "File too large" in said
        assert last_whole in said
        assert f"hnet-seq pretrain --resume {out}" in said
        assert not [name for name in entries(out) if "tmp" in name or "partial" in name]
        if (out / "metrics.jsonl").exists():
            assert all(json.loads(x) for x in (out / "metrics.jsonl").read_text().splitlines())
        assert main(["pretrain", "--resume", str(out)]) == 0
        assert metrics(out) == metrics(whole)
        assert weights(out) == weights(whole)
