"""What studies/full_disk.py takes for a whole file."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("name", "left", "undisturbed", "whole"),
    [
        ("finetune.jsonl", b'{"loss": 2}\n', b'{"loss": 1}\n', True),
        ("finetune.jsonl", b"", b'{"loss": 1}\n', False),
        ("finetune.jsonl", b'{"loss": 2', b'{"loss": 1}\n', False),
        ("metrics.jsonl", b"", b"", True),
        ("config.yaml", b"a: 2\nb: 1\n", b"a: 1\nb: 1\n", True),
        ("config.yaml", b"", b"a: 1\nb: 1\n", False),
        ("config.yaml", b"a: 2\n", b"a: 1\nb: 1\n", False),
        ("config.yaml", b"a: [2", b"a: [1]\n", False),
        ("page.html", b"<html></html>\n", b"<html> </html>\n", True),
        ("page.html", b"<html>", b"<html> </html>\n", False),
    ],
)
def test_a_file_that_holds_times_is_whole_or_not(
    name: str, left: bytes, undisturbed: bytes, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "studies")
    judge = importlib.import_module("full_disk_judge")
    assert judge.is_readable(name, left, undisturbed) is whole
