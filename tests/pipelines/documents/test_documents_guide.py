"""docs/text_and_code.md: its example runs, and it leaves out no reason and no option."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from pipelines.documents import REASONS, DocumentOptions

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "text_and_code.md").read_text()


def test_every_reason_is_explained() -> None:
    table = GUIDE.split("| reason | is |")[1].split("\n\n")[0]
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*\|", table, re.MULTILINE))))
    assert explained == set(REASONS)


def test_every_option_is_named_but_the_limits_of_lines() -> None:
    options = {"--" + field.name.replace("_", "-") for field in fields(DocumentOptions)}
    assert {option for option in options if option not in GUIDE} == {
        "--mean-line",
        "--longest-line",
    }


def test_the_example_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(compile(example, "text_and_code.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "Document(name='modalities/code.py', data=b'" in printed
    assert "label='python')" in printed
