"""The guide of fine-tuning does what it says, as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from hnet_seq import FinetuneConfig
from hnet_seq.cli import main

DOCUMENT = Path(__file__).parents[2] / "docs" / "fine_tuning.md"
ONE = ["--epochs", "1", "--seeds", "1"]


def documented_commands() -> list[list[str]]:
    """Every ``hnet-seq`` command in the guide's console blocks."""
    text = DOCUMENT.read_text().replace("\\\n", " ")
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("hnet-seq ")]


def test_the_commands_of_the_guide_run(
    checkpoint: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(checkpoint)
    for name in ("enhancers.csv", "held_out.csv"):
        (tmp_path / name).write_text(table.read_text())
    (tmp_path / "new.fa").write_text(">one\nGATTACAGATTACA\n")
    commands = documented_commands()
    assert {command[1] for command in commands} == {"finetune", "predict", "evaluate"}
    for command in commands:
        short = [*ONE, "--batch-tokens", "3200"] if command[1] == "finetune" else []
        assert main([*command, *short]) == 0, command


def test_the_python_of_the_guide_runs(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(checkpoint)
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "activity" / "head.json").is_file()


def test_the_guide_states_the_defaults() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "fine_tuning.md").read_text()
    rows = (line.split("|") for line in guide.splitlines() if line.startswith("| `--"))
    stated = {row[1].strip(" `"): row[2].strip(" `") for row in rows}
    config = FinetuneConfig()
    for option, value in (
        ("--learning-rate", config.optimizer.learning_rate),
        ("--head-rate", config.head_rate),
        ("--epochs", config.epochs),
        ("--batch-tokens", config.batch_tokens),
        ("--validation-fraction", config.validation_fraction),
        ("--patience", config.patience),
    ):
        assert float(stated[option]) == value, option
    assert stated["--strands"] == config.strands
