"""The section about scores: what the files say, drawn and in tables; and damaged files."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.report.heat_map import MOST, heat_map, largest_effect, standalone_heat_map
from hnet_seq.report.result_files import result_sections
from hnet_seq.results.read import read_result
from modalities.errors import InputError
from tests.report.pages import rows, words

VARIANTS: dict[str, Any] = {
    "kind": "variants",
    "checkpoint": "run & more",
    "weights": "a" * 64,
    "window": 1024,
    "strands": "average",
    "alleles": 7,
    "scored": 5,
    "skipped": {"symbolic": 2},
    "by_kind": [
        {"kind": "SNV", "count": 4, "mean": -1.5, "sd": 0.5, "quantiles": [-3, -2, -1.5, -1, 0]},
        {"kind": "deletion", "count": 1, "mean": 2.0, "sd": None, "quantiles": [2, 2, 2, 2, 2]},
    ],
    "strand_agreement": {"rho": 0.75, "n": 5, "points": [[-1, -2], [0.5, 0.25]]},
    "baselines": [{"name": "edits", "rho": None, "n": 5}, {"name": "markov_llr", "rho": 0.5}],
}
MEASURED: dict[str, Any] = {
    "kind": "measured",
    "measured": "expression",
    "n_train": 80,
    "n_test": 20,
    "shared_with_train": 3,
    "seed": 0,
    "rows": [
        {
            "name": "log-likelihood",
            "kind": "model",
            "fitted": False,
            "spearman": {"rho": 0.25, "low": 0.125, "high": 0.375, "n": 20},
        },
        {
            "name": "share of G and C",
            "kind": "baseline",
            "fitted": False,
            "spearman": {"rho": None, "low": None, "high": None, "n": 20},
        },
    ],
}
MUTAGENESIS: dict[str, Any] = {
    "kind": "mutagenesis",
    "name": "c<1>",
    "start": 11,
    "end": 13,
    "window": 64,
    "markov_order": 2,
    "reference": "ANT",
    "llr": [[0, -1.0, 0.5, -2.0], [None] * 4, [0.1, 0.2, 0.3, 0]],
    "markov_llr": [[0, 1, 1, 1], [None] * 4, [1, 1, 1, 0]],
}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


CONTENTS = {"scores": VARIANTS, "measured": MEASURED, "mutagenesis": MUTAGENESIS}


def drawn(folder: Path, name: str) -> ElementTree.Element:
    write(folder / f"{name}.json", CONTENTS[name])
    (section,) = result_sections(folder)
    return ElementTree.fromstring(section)


def test_nothing_is_said_of_what_is_not_there(tmp_path: Path) -> None:
    assert result_sections(tmp_path) == []
    only = words(drawn(tmp_path, "measured"))
    assert "Measured effects" in only
    assert "Mutagenesis" not in only
    assert "Variants by kind" not in only


def test_variants_are_told_by_kind_with_what_was_left_out(tmp_path: Path) -> None:
    page = drawn(tmp_path, "scores")
    said = words(page)
    assert "5 alleles have a score; left out: 2 symbolic." in said
    assert "2 of 5 alleles: Spearman +0.750" in said
    assert "run & more" in said
    table = rows(page)
    assert ["SNV", "4", "\u22121.500", "0.500", "\u22123.000", "\u22121.500", "+0.000"] in table
    assert ["deletion", "1", "+2.000", "\u2013", "+2.000", "+2.000", "+2.000"] in table
    assert ["bases that differ", "\u2013"] in table
    assert ["the same difference under a Markov model", "+0.500"] in table


def test_scores_of_sequences_are_a_line(tmp_path: Path) -> None:
    content = {"kind": "sequences", "scored": 1500, "bits_per_base": 1.9, "input": "a.fa"}
    write(tmp_path / "s.json", content)
    said = words(ElementTree.fromstring(result_sections(tmp_path)[0]))
    assert "1.900 bits per base over 1,500 scored bases." in said


def test_rankings_have_their_intervals_and_leaks(tmp_path: Path) -> None:
    page = drawn(tmp_path, "measured")
    assert "3 test rows have a copy in training." in words(page)
    table = rows(page)
    assert ["log-likelihood", "model", "no", "+0.250", "+0.125 to +0.375"] in table
    assert ["share of G and C", "baseline", "no", "\u2013", "\u2013"] in table


def test_the_heat_map_has_a_tip_for_each_change_and_none_for_unknown_bases(tmp_path: Path) -> None:
    page = drawn(tmp_path, "mutagenesis")
    maps = [svg for svg in page.iter("svg") if "single-base" in svg.get("aria-label", "")]
    assert len(maps) == 1
    tips = [tip.text for tip in maps[0].iter("title") if ":" in f"{tip.text}"]
    assert tips == [
        "A11C: -1.00 nats",
        "A11G: +0.50 nats",
        "A11T: -2.00 nats",
        "T13A: +0.10 nats",
        "T13C: +0.20 nats",
        "T13G: +0.30 nats",
    ]
    dash = "\u2013"
    assert ["12", "N", dash, dash, dash, dash, dash] in rows(page)


def test_orange_is_less_likely_and_opacity_is_size() -> None:
    drawing = heat_map("A", [[0, -4.0, 2.0, None]], 1, description="x")
    root = ElementTree.fromstring(drawing)
    styles = {
        rect.find("title").text: rect.get("style")  # type: ignore[union-attr]
        for rect in root.iter("rect")
    }
    assert styles["A1C: -4.00 nats"] == "fill:var(--baseline);fill-opacity:1"
    assert styles["A1G: +2.00 nats"] == "fill:var(--model);fill-opacity:0.5"
    assert largest_effect([[None] * 4]) == 1
    assert largest_effect([[0, -4.0, 2.0, None]]) == 4


def test_a_drawing_of_its_own_needs_no_page_and_is_cut_where_it_would_be_slow() -> None:
    long = MOST + 7
    text = standalone_heat_map("A" * long, [[0, 1, 1, 1]] * long, 1, description="a & b")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in text
    assert text.count(f"A{MOST:,}C") == 1
    assert f"A{MOST + 1:,}C" not in text


@pytest.mark.parametrize(
    ("content", "change", "message"),
    [
        (VARIANTS, {"kind": "else"}, "kind is 'else'; expected "),
        (VARIANTS, {"by_kind": [{"kind": "SNV", "quantiles": [1]}]}, "by_kind[0]: 'quantiles'"),
        (VARIANTS, {"skipped": {"x": "y"}}, "skipped: 'x' is"),
        (
            VARIANTS,
            {"strand_agreement": {"points": [[1]]}},
            "'points[0]' is [1]; expected 2 values",
        ),
        (VARIANTS, {"baselines": [{}]}, "baselines[0]: no 'name'"),
        (MEASURED, {"n_test": "x"}, "'n_test' is"),
        (
            MEASURED,
            {"rows": [{"name": "x", "fitted": 1, "kind": "y"}]},
            "rows[0]: 'kind' is \"y\"; expected model or baseline",
        ),
        (
            MEASURED,
            {"rows": [MEASURED["rows"][0] | {"spearman": 1}]},
            "rows[0].spearman: expected a JSON object, found 1",
        ),
        (MUTAGENESIS, {"reference": "AC"}, "'reference' is not the letters of 11 to 13"),
        (MUTAGENESIS, {"llr": [[0, 1, 2, 3]]}, "'llr' has 1 rows for 3 letters"),
        (MUTAGENESIS, {"markov_llr": [[0]] * 3}, "'markov_llr[0]' is [0]; expected 4 values"),
    ],
)
def test_a_damaged_file_is_named_with_its_key(
    tmp_path: Path, content: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "s.json", content | change)
    with pytest.raises(InputError) as error:
        read_result(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
