"""Processes of one start say once what all have found, and each what it alone has found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

from hnet_seq.one_voice import speaks

ROOT = Path(__file__).parents[1]
# Both find the same; then one finds what the other does not, and torchrun waits for it.
SCRIPT = """
import os, sys
from hnet_seq.cli import main
assert main(["pretrain", sys.argv[1], "--out", "run"])
odd = ["embed", sys.argv[2], "x.fa", "--out", "v.npy"]
sys.exit(main(odd) if os.environ["RANK"] == "1" else 0)
"""


def place(folder: Path, rank: int, attempt: int = 0) -> dict[str, str]:
    """What torchrun tells a process."""
    error_file = folder / f"attempt_{attempt}" / f"{rank}" / "error.json"
    error_file.parent.mkdir(parents=True, exist_ok=True)
    return {"TORCHELASTIC_ERROR_FILE": f"{error_file}", "LOCAL_WORLD_SIZE": "2"}


def test_one_process_speaks_for_all_that_say_the_same(tmp_path: Path) -> None:
    assert [speaks("no such file", place(tmp_path, rank)) for rank in (1, 0)] == [True, False]
    assert speaks("another file", place(tmp_path, 0))
    assert speaks("no such file", place(tmp_path, 0, attempt=1))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TORCHELASTIC_ERROR_FILE": os.devnull, "LOCAL_WORLD_SIZE": "2"},
        {"TORCHELASTIC_ERROR_FILE": "/no/such/folder/0/error.json", "LOCAL_WORLD_SIZE": "2"},
    ],
)
def test_a_process_without_a_folder_shared_with_others_speaks(environment: dict[str, str]) -> None:
    assert [speaks("no such file", environment) for _ in range(2)] == [True, True]


def torchrun(*arguments: str) -> str:
    """What two processes write to the standard error."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [sys.executable, *command, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_available(), reason="torch has no distributed")
def test_torchrun_shows_an_error_of_all_once_and_that_of_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    said = torchrun(f"{script}", f"{tmp_path / 'none.yaml'}", f"{tmp_path / 'nowhere'}")
    assert said.count("hnet-seq pretrain: ") == 1, said
    assert said.count("hnet-seq embed: ") == 1, said
