"""The untrained twin on the page: beside the model wherever a table has numbers of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hnet_seq.report.page import build_page
from hnet_seq.report.run_data import read_run
from tests.report.pages import words

SAID = "seed 3, residual_proj identity"


def page(folder: Path) -> ElementTree.Element:
    return ElementTree.fromstring(build_page(read_run(folder)))


def beside(folder: Path, name: str) -> None:
    """The same numbers again, as those of a twin."""
    content = json.loads((folder / name).read_text())
    twin = name.replace(".json", ".twin.json")
    (folder / twin).write_text(json.dumps({"twin": SAID, **content}))


@pytest.mark.parametrize("dna", [True, False])
def test_boundaries_of_a_run_stand_beside_those_of_its_twin(make_run, make_byte_run, dna) -> None:
    folder = make_run() if dna else make_byte_run()
    name = "boundaries.json" if dna else "text_boundaries.json"
    assert "Model minus twin" not in words(page(folder))
    beside(folder, name)
    root = page(folder)
    (table,) = [t for t in root.iter("table") if "Model minus twin" in words(t)]
    assert f"training began with ({SAID})" in words(table)
    rows = [[words(cell) for cell in row] for row in table.iter("tr")][1:]
    assert len(rows) > 5
    for _, model, twin, difference, interval in rows:
        assert model == twin
        assert difference == "+0.000"
        low, high = (float(end.replace("\u2212", "-")) for end in interval.split(" to "))
        assert low <= 0 <= high


def test_what_pretraining_is_worth_is_at_a_glance(make_run) -> None:
    folder = make_run()
    path = folder / "classification.json"
    content = json.loads(path.read_text())
    first = content["comparisons"][0]
    twin = {**first, "other": "untrained twin, mean over chunks", "kind": "baseline", "mcc": 0.125}
    path.write_text(json.dumps({**content, "comparisons": [*content["comparisons"], twin]}))
    said = words(page(folder))
    assert "Pretraining is worth, MCC" in said
    assert "+0.125" in said
