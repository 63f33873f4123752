"""What docs/bidirectional.md says of both strands is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hnet_seq.cli import main
from hnet_seq.experiments import load_experiment
from hnet_seq.model.flops import flops_per_token
from tests.train.runs import TINY, make_shards

GUIDE = (Path(__file__).parents[2] / "docs/bidirectional.md").read_text()


def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_shards(tmp_path, "ACGGTCATTGACCA" * 300)
    (tmp_path / "genome.fa").rename("genome.fna.gz")  # what is packed is seen by its first bytes
    (block,) = re.findall(r"```console\n(.+?)```", GUIDE, re.S)
    for line in block.splitlines():
        command = line.removeprefix("$ hnet-seq ").split()
        if command[0] == "pretrain":
            command[2:2] = [*TINY, "train.steps=2"]
        assert main(command) == 0, line
    assert {path.name for path in tmp_path.iterdir()} >= {"run", "chunks.bed", "chunks.parquet"}


def test_the_work_per_base_is_what_it_says() -> None:
    said = re.search(
        r"([\d.]+) MFLOP for `(\w+)`, ([\d.]+) for `(\w+)`, ([\d.]+) for\s+`(\w+)`", GUIDE
    )
    assert said is not None
    for value, name in zip(said.groups()[::2], said.groups()[1::2], strict=True):
        config = load_experiment(name)
        found = flops_per_token(config.model, config.data.context, [3.0])
        assert f"{found / 1e6:.2f}" == value
