"""docs/audit.md: its commands run as written, and its kinds are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from hnet_seq.cli import main
from hnet_seq.results.audit import Finding
from tests.evidence.audited import random_letters

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "audit.md").read_text()
KIND = re.compile(r"^\| `(\w+)` \|", re.M)


def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    letters = random_letters(120, 0)
    letters[3] = letters[4]
    rows = [
        f"{each},{'ab'[i // 4 % 2]},{'test' if i % 4 == 3 else 'train'}"
        for i, each in enumerate(letters)
    ]
    rows[3] = rows[3].replace(",a,", f",{rows[4].split(',')[1]},")
    Path("enhancers.csv").write_text("\n".join(["sequence,label,split", *rows]) + "\n")
    for console in re.findall(r"```console\n(.+?)```", GUIDE, re.S):
        for line in console.splitlines():
            prompt, name, *words = shlex.split(line)
            assert (prompt, name) == ("$", "hnet-seq")
            assert main(words) == 0
    assert Path("audited/report.html").is_file()
    (block,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.S | re.M)
    names: dict[str, object] = {}
    exec(compile(block, "docs/audit.md", "exec"), names)
    assert isinstance(names["worst"], list)
    assert Path("cleaned/changes.tsv").is_file()


def test_both_pages_have_every_kind_once() -> None:
    page = (DOCS / "evidence.md").read_text()
    of_classify = KIND.findall(page.partition("| kind | found |")[2].partition("\n\n")[0])
    assert sorted([*of_classify, *KIND.findall(GUIDE)]) == sorted(
        get_args(get_type_hints(Finding)["kind"])
    )
