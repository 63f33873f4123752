"""The verb: where the page goes, and what the command line says."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from hnet_seq.cli import main
from hnet_seq.commands import report as verb
from hnet_seq.tasks.report import report
from modalities.errors import InputError

LINE = (
    '{"event": "validation", "step": 5, "tokens": 1000, "bits_per_token": %s, '
    '"scored_tokens": 99, "stages": []}\n'
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", "1.95")


def make_run(folder: Path, bits: str) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text("seed: 0\n")
    (folder / "metrics.jsonl").write_text(LINE % bits)
    return folder


def test_the_page_lies_in_the_run_folder_unless_told_otherwise(run: Path, tmp_path: Path) -> None:
    assert report(run) == run / "report.html"
    assert (run / "report.html").read_text().startswith("<!DOCTYPE html>")
    other = tmp_path / "new" / "page.html"
    assert report(run, out=other) == other
    assert other.read_text() == (run / "report.html").read_text()


def test_a_baseline_run_is_drawn_beside_it(run: Path, tmp_path: Path) -> None:
    page = report(run, baseline=make_run(tmp_path / "flat", "1.97")).read_text()
    assert "Baseline run flat" in page
    assert "1.970" in page


def test_a_damaged_run_leaves_the_old_page_alone(run: Path) -> None:
    before = report(run).read_text()
    (run / "metrics.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"metrics\.jsonl: line 1: not a JSON object"):
        report(run)
    assert (run / "report.html").read_text() == before
    assert sorted(p.name for p in run.iterdir()) == ["config.yaml", "metrics.jsonl", "report.html"]


def test_the_command_line_prints_the_scores_and_where_the_page_is(run: Path, capsys) -> None:
    assert main(["report", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Validation, bits per base  1.950")
    assert lines[-1] == str(run / "report.html")


def test_a_folder_that_is_no_run_is_one_line_and_exit_code_1(tmp_path: Path, capsys) -> None:
    assert main(["report", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "is no run folder" in said.err
    assert "no result" in said.err
    assert not list(tmp_path.iterdir())


def test_the_example_parses() -> None:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    args = parser.parse_args(verb.EXAMPLE.split()[2:])
    assert args.run_folder == "run"
