"""The script for a GPU machine runs on a CPU, so that it works there the first time."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Forked

ROOT = Path(__file__).parents[1]


def _benchmark() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("gpu")


def _part(name: str, out: Path) -> None:
    _benchmark().run_part(name, True, out)


def _main(*arguments: str) -> int:
    sys.argv[1:] = arguments
    return _benchmark().main()


def _records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_the_script_runs_a_part_and_writes_a_summary(tmp_path: Path) -> None:
    command = ["bash", str(ROOT / "benchmarks/gpu.sh"), "-", str(tmp_path), "--smoke"]
    # Its limits are for a GPU machine that does nothing else.
    command += ["--seconds", "100000", "environment"]
    # What it would start, forked here: this Python has imported torch.
    words = tmp_path / "python"
    words.write_text('#!/bin/sh\nprintf "%s\\n" "$PYTHONPATH" "$@"\n')
    words.chmod(0o700)
    environment = os.environ | {"PYTHON": str(words)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    path, script, *arguments = ran.stdout.splitlines()
    assert (path.split(os.pathsep)[0], script) == (str(ROOT), "benchmarks/gpu.py")
    ended = Forked(_main, *arguments, folder=tmp_path).end()
    assert ended.code == 0, ended.err
    *records, summary = _records(tmp_path)
    assert summary == {"part": "summary", "environment": "done"}
    assert {"attention", "ssd"} <= {record.get("operation") for record in records}
    assert not any("error" in record for record in records)


def test_a_part_compares_with_plain_modules(tmp_path: Path) -> None:
    ended = Forked(_part, "plain", tmp_path, folder=tmp_path).end()
    assert ended.code == 0, ended.err
    ours, theirs, ratio = _records(tmp_path)
    assert (ours["what"], theirs["what"]) == ("ours", "plain modules")
    assert ratio["tokens/s"] == pytest.approx(ours["tokens/s"] / theirs["tokens/s"], rel=1e-2)


def test_a_part_that_has_no_time_leaves_a_record(tmp_path: Path) -> None:
    words = ["--out", str(tmp_path), "--smoke", "--seconds", "12", "operations"]
    assert Forked(_main, *words, folder=tmp_path).end().code == 1
    assert _records(tmp_path) == [{"part": "summary", "operations": "no time left"}]
