"""What the clone carries of other people's data says whose it is, and how it was drawn."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from tests.test_studies import study

ROOT = Path(__file__).parents[1]
LAC = ROOT / "examples" / "data" / "lac_promoter"


def test_the_lac_promoter_has_its_licence_and_columns_beside_it() -> None:
    notice = (LAC / "README.md").read_text()
    said = " ".join(notice.replace(">", " ").split())
    assert "Copyright (c) 2020 Ammar Tareen, Justin B. Kinney" in said
    assert "above copyright notice and this permission notice shall be included in all" in said
    assert "studies/draw_lac_promoter.py" in notice
    with gzip.open(LAC / "variants.tsv.gz", "rt") as file:
        head = file.readline().split()
        rows = [line.split() for line in file]
    assert all(f"`{name}`" in notice for name in head)
    assert f"`variants.tsv.gz`: {len(rows)} variants" in notice


def test_rows_are_drawn_from_each_split_and_numbers_are_mean_bins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawing = study(ROOT / "studies" / "draw_lac_promoter.py", monkeypatch)
    table = [
        {"set": name, "x": f"{name}{at}", **{f"ct_{own}": "0" for own in range(10)}}
        | {f"ct_{at % 10}": "1", f"ct_{(at + 1) % 10}": "1"}
        for name in ("training", "validation", "test")
        for at in range(9)
    ]
    head, *lines = (line.split() for line in drawing.drawn(table, 4))
    assert head == ["sequence", "bin", "split"]
    assert [own[2] for own in lines] == ["train"] * 4 + ["test"] * 4
    assert len({own[0] for own in lines}) == 8
    assert all(float(own[1]) == int(own[0][-1]) + 0.5 for own in lines)
    text = "".join(drawing.drawn(table, 4))
    # Another draw would be other rows than those that the clone has.
    assert hashlib.sha256(text.encode()).hexdigest()[:8] == "89a3d8f2"
