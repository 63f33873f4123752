"""Processes of one start say once what all have found, and each what it alone has found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch.distributed as dist

from hnet_seq.cli import main
from hnet_seq.one_voice import speaks
from tests.forked import under_agent


def script(experiment: str, model: str) -> int:
    """Both find the same; then one finds what the other does not, and torchrun waits for it."""
    assert main(["pretrain", experiment, "--out", "run"])
    odd = ["embed", model, "x.fa", "--out", "v.npy"]
    return main(odd) if os.environ["RANK"] == "1" else 0


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


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_available(), reason="torch has no distributed")
def test_torchrun_shows_an_error_of_all_once_and_that_of_one(tmp_path: Path) -> None:
    places = (f"{tmp_path / 'none.yaml'}", f"{tmp_path / 'nowhere'}")
    ended = under_agent(script, *places, folder=tmp_path)
    assert ended.code == 1, ended.err
    said = ended.err
    assert said.count("hnet-seq pretrain: ") == 1, said
    assert said.count("hnet-seq embed: ") == 1, said
