"""The Python of docs/python.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot

from tests.conftest import make_model

PAGE = Path(__file__).parents[1] / "docs/python.md"


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "run")
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCAAC" * 40 + "\n")
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S):
        exec(compile(block, "docs/python.md", "exec"), names)
    pyplot.close("all")
    assert names["vectors"].shape == (1, 64)
    assert list(names["table"]["name"]) == ["first", "second"]
    assert names["chunks"]["length"].sum() == len(names["prob"]) == 400
    assert len(names["new"][0]) == 10
    assert names["logits"].shape == (4, 8)
