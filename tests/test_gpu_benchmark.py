"""The script for a GPU machine runs on a CPU, so that it works there the first time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def _run(out: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    command = ["bash", str(ROOT / "benchmarks/gpu.sh"), "-", str(out), *arguments]
    environment = os.environ | {"PYTHON": sys.executable}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    written = (out / "results.jsonl").read_text().splitlines()
    return ran.returncode, [json.loads(line) for line in written]


@pytest.mark.slow
def test_parts_write_their_results_and_a_summary(tmp_path: Path) -> None:
    code, records = _run(tmp_path, "--smoke", "environment", "plain")
    assert code == 0
    assert records[-1] == {"part": "summary", "environment": "done", "plain": "done"}
    assert {"attention", "ssd"} <= {record.get("operation") for record in records}
    assert not any("error" in record for record in records)
    ours, theirs, ratio = [record for record in records if record["part"] == "plain"]
    assert (ours["what"], theirs["what"]) == ("ours", "plain modules")
    assert ratio["tokens/s"] == pytest.approx(ours["tokens/s"] / theirs["tokens/s"], rel=1e-2)


def test_a_part_that_has_no_time_leaves_a_record(tmp_path: Path) -> None:
    code, records = _run(tmp_path, "--smoke", "--seconds", "12", "operations")
    assert code == 1
    assert records == [{"part": "summary", "operations": "no time left"}]
