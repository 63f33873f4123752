"""What studies/full_disk.py takes for a whole file."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

import pytest
import torch


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


def test_a_file_of_pickle_is_compared_by_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "studies")
    judge = importlib.import_module("full_disk_judge")

    def written(*values: Any) -> bytes:
        file = io.BytesIO()
        torch.save({"moments": torch.arange(3.0), "names": values}, file)
        return file.getvalue()

    once = "a name"
    twice = written(once, str(once.encode(), "ascii"))  # equal strings that are two objects
    assert twice != written(once, once)
    assert judge.is_same("trainer.pt", twice, written(once, once))
    assert not judge.is_same("trainer.bin", twice, written(once, once))
    assert not judge.is_same("trainer.pt", twice, written(once, "another"))
    assert not judge.is_same("trainer.pt", twice[:-40], written(once, once))
