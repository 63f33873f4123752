"""The page for coding agents: its commands run as written, one after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/skills/hnet-seq/SKILL.md"
COMMANDS = re.findall(r"^\$ hnet-seq (.+)$", PAGE.read_text(), re.M)
# What makes a training of seconds of it.
SMALL = ("model.arch_layout=[m1,[m1],m1]", "model.d_model=[32,32]", "train.steps=2")
SMALLER = ("data.batch_tokens=512", "data.context=256", "train.validate_every=2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    letters = np.random.default_rng(0).choice(list("ACGT"), 6000)
    text = "".join(letters)
    (tmp_path / "genome.fna.gz").write_text(f">chr1\n{text}\n")
    windows = [text[at : at + 60] for at in range(0, 6000, 100)]
    (tmp_path / "windows.fa").write_text(
        "".join(f">w{number}\n{own}\n" for number, own in enumerate(windows[:4]))
    )
    rows = [f"{own},{'ab'[number % 2]}\n" for number, own in enumerate(windows)]
    (tmp_path / "labelled.csv").write_text("sequence,label\n" + "".join(rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_commands_run(folder: Path) -> None:
    assert {"shard", "pretrain", "embed", "audit", "classify"} <= {c.split()[0] for c in COMMANDS}
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "pretrain":
            words += [*SMALL, *SMALLER]
        assert main(words) == 0, command
    assert (folder / "run/report.html").is_file()
    assert (folder / "labels.tsv").is_file()


def test_it_says_when_it_is_for(folder: Path) -> None:
    """What agents read before they open a page: its name, as its folder, and what it is for."""
    _, head, _ = PAGE.read_text().split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert fields.keys() == {"name", "description"}
    assert fields["name"] == PAGE.parent.name
    assert len(fields["description"]) <= 1024
