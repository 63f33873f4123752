"""docs/benchmark.md: its commands are requests, its suites and words are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
import yaml

from hnet_seq import cli
from hnet_seq.results.benchmark import UntaughtWord, Word
from hnet_seq.tasks.benchmarking.suite_files import read_suite, shipped_suites

GUIDE = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text()


def test_its_commands_are_requests(capsys: pytest.CaptureFixture[str]) -> None:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.S | re.M)
    blocks = [block for language, block in found if not language]
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    commands = [line.partition("benchmark ")[2] for line in lines if "benchmark " in line]
    assert len(commands) > 6
    for command in commands:
        args = cli.parsed("benchmark", shlex.split(command))[1]
        if args.action == "list":
            assert args._task(args) == 0
        if args.action == "run":
            names = [task.name for task in read_suite(args.suite).only(args.tasks)]
            assert set(args.tasks) <= set(names)
    assert "uci_splice" in capsys.readouterr().out


def test_its_suites_are_those_that_come_along() -> None:
    table = GUIDE.partition("| suite | tasks |")[2].partition("\n\n")[0]
    named = dict(re.findall(r"^\| `([\w-]+)` \|.*\| ([\w ,]+?) \|$", table, re.M))
    assert sorted(named) == shipped_suites()
    for name, said in named.items():
        assert said.startswith("met") == read_suite(name).met


def test_its_suite_is_one(tmp_path: Path) -> None:
    text = GUIDE.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "s.yaml").write_text(text)
    assert read_suite(f"{tmp_path / 's.yaml'}").tasks[1].metric == "spearman"
    assert yaml.safe_load(text)["name"] == "mine"


def test_its_task_of_bases_is_one(tmp_path: Path) -> None:
    text = GUIDE.partition("### Classes of single bases")[2].partition("```yaml\n")[2]
    head = "name: s\ntitle: t\nabout: a\nsource: b\nmet: true\ntasks:\n"
    (tmp_path / "s.yaml").write_text(head + text.partition("```")[0])
    (task,) = read_suite(f"{tmp_path / 's.yaml'}").tasks
    assert task.per_base is not None
    assert task.per_base.classes == ["CDS", "intron"]


def test_its_words_are_those_of_the_verdicts() -> None:
    table = GUIDE.partition("| word | when |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| ([\w ]+?) \|", table, re.M)) == sorted(get_args(Word))


def test_words_of_zero_shot_tests_are_those_of_their_verdicts() -> None:
    table = GUIDE.partition("## Zero-shot tests")[2].partition("| word | when |")[2]
    rows = re.findall(r"^\| ([\w ,]+?) \|", table.partition("\n\n")[0], re.M)
    assert sorted(", ".join(rows).split(", ")) == sorted(get_args(UntaughtWord))
