"""A run on a full disk: told in a line, and gone on with when there is room."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq.cli import main
from hnet_seq.train.checkpoints import Checkpoints
from hnet_seq.train.run_folder import RunFolder
from hnet_seq.train.sharded_state import save_parts
from pipelines.storage.files import DiskError
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


@pytest.mark.filterwarnings("ignore:torch.distributed is:UserWarning")
@pytest.mark.parametrize("limit", [0, 100, 10_000, 39_999])
def test_parts_of_an_optimiser_on_a_full_disk_leave_no_checkpoint(
    tmp_path: Path, limit: int
) -> None:
    checkpoints = Checkpoints.__new__(Checkpoints)
    checkpoints.folder = RunFolder(tmp_path)
    partial = checkpoints.folder.begin(3)

    def save() -> None:
        with checkpoints._given_up_on_error(partial):
            save_parts(partial / "optimizer", {"exp_avg.a": torch.ones(10_000)})

    with files_of_at_most(limit), pytest.raises(DiskError, match="File too large") as caught:
        save()
    assert caught.value.filename.startswith(str(tmp_path / "checkpoints/step-000003"))
    assert entries(tmp_path) == ["checkpoints"]
