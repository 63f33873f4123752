"""What one process of a run cannot write is told by all of them, in a line each."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist

from hnet_seq.cli import main
from hnet_seq.train import run_folder
from modalities import dna
from tests.forked import ranks
from tests.refusals import assert_each_tells, refused
from tests.train.runs import TINY, make_shards

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bases = np.random.default_rng(0).integers(0, 4, 3000).astype(np.uint8)
    return make_shards(tmp_path_factory.mktemp("errors"), dna.decode(bases))


def pretraining(shards: Path, out: Path, *overrides: str) -> list[str]:
    data = ["--data", str(shards), "--out", str(out), "--device", "cpu"]
    return ["pretrain", "ecoli_demo", *TINY, *overrides, *data]


@pytest.mark.parametrize(
    ("strategy", "rank", "module", "path"),
    [
        ("ddp", 0, "hnet_seq.train.run_folder", "append_line"),
        ("ddp", 0, "hnet_seq.train.checkpoints", "Checkpoints._write"),
        ("fsdp2", 0, "hnet_seq.train.checkpoints", "Checkpoints._write"),
        ("fsdp2", 1, "hnet_seq.train.checkpoints", "_list_parts"),
        ("fsdp2 train.parallel.async_save=true", 1, "hnet_seq.train.checkpoints", "_list_parts"),
    ],
)
def test_what_one_cannot_write_is_a_line_of_each(
    shards: Path, tmp_path: Path, strategy: str, rank: int, module: str, path: str
) -> None:
    overrides = f"train.parallel.strategy={strategy}".split()
    command = pretraining(shards, tmp_path / "run", *overrides)
    assert_each_tells(ranks(2, refused, rank, module, path, command, folder=tmp_path))
    assert not list((tmp_path / "run/checkpoints").glob(".*"))


def killed_at_first_log(arguments: list[str]) -> int:
    """The command; the first process is killed where it would log."""

    def kill(_path: Path, _line: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patched:
        if os.environ["RANK"] == "0":
            patched.setattr(run_folder, "append_line", kill)
        return main(arguments)


def test_a_process_that_lost_another_says_so_in_a_line(shards: Path, tmp_path: Path) -> None:
    command = pretraining(shards, tmp_path / "run", "train.parallel.strategy=ddp")
    # Each ends by itself: nobody asks those that are left to.
    lost, left = (own.end() for own in ranks(2, killed_at_first_log, command, folder=tmp_path))
    assert (lost.code, left.code) == (-signal.SIGKILL, 1), left
    assert "Traceback" not in left.err
    (said,) = [line for line in left.err.splitlines() if line.startswith("hnet-seq")]
    assert "another process of this run has ended" in said
