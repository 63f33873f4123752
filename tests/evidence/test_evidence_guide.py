"""docs/evidence.md: its commands and examples run as written, and its words are those printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from hnet_seq.cli import main
from hnet_seq.evidence.audit.findings import Finding
from hnet_seq.evidence.audit.names import SEPARATORS
from hnet_seq.results.classification import Classification
from hnet_seq.results.read import read_result
from tests.conftest import make_model
from tests.evidence.audited import random_letters

GUIDE = (Path(__file__).parents[2] / "docs/evidence.md").read_text()


def test_its_commands_and_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained("run")
    letters = random_letters(40, 0, 30)
    letters[30] = letters[0]
    rows = [
        f"{each},{'ab'[i % 2]},{'train' if i < 28 else 'test'}" for i, each in enumerate(letters)
    ]
    Path("enhancers.csv").write_text("\n".join(["sequence,label,split", *rows]) + "\n")
    (console,) = re.findall(r"```console\n(.+?)```", GUIDE, re.S)
    for line in console.splitlines():
        prompt, name, *arguments = shlex.split(line)
        assert (prompt, name) == ("$", "hnet-seq")
        assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "!! leak: 1 of 12 test sequences stand in train (1 exactly" in printed
    assert "clean MCC" in printed
    for number, block in enumerate(re.findall(r"```python\n(.+?)```", GUIDE, re.S)):
        exec(compile(block, f"docs/evidence.md, {number}", "exec"), {})
    shown = capsys.readouterr().out
    assert "high 1 of 12 test sequences stand in train" in shown
    assert "one-hot letters by position" in shown
    # What classify writes is what the report reads.
    found = read_result("probe/classification.json", Classification)
    assert found.leaked == 1
    assert [row["name"] for row in found.rows if row["kind"] == "baseline"][-1].startswith(
        "one-hot"
    )


def test_its_kinds_and_separators_are_those_of_the_code() -> None:
    table = GUIDE.partition("| kind | found |")[2].partition("\n\n")[0]
    kinds = re.findall(r"^\| `(\w+)` \|", table, re.M)
    # The others are those of the verb alone: docs/audit.md.
    assert set(kinds) < set(get_args(get_type_hints(Finding)["kind"]))
    (stems,) = re.findall(r"stems of ids before (.+?) \|", table)
    assert {*re.findall(r"`(.)`", stems), "|"} == set(SEPARATORS)
