"""A page of what the verbs after training left in a folder."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.report.page import build_results_page
from hnet_seq.tasks.report import report
from modalities.errors import InputError, UsageError
from tests.report.pages import headings, words

SEQUENCES: dict[str, Any] = {
    "kind": "sequences",
    "scored": 1200,
    "bits_per_base": 1.91,
}


def page(folder: Path) -> ElementTree.Element:
    return ElementTree.fromstring(build_results_page(folder))


def test_a_result_is_found_by_what_it_says_it_is(tmp_path: Path) -> None:
    (tmp_path / "anything.json").write_text(json.dumps(SEQUENCES))
    (tmp_path / "ids.json").write_text("[1, 2]")
    other = {"name": "of something else", "schema": "https://of.something/else"}
    (tmp_path / "package.json").write_text(json.dumps(other))
    root = page(tmp_path)
    assert headings(root) == ["Likelihood of sequences"]
    assert "1.910 bits per base over 1,200 scored bases" in words(root)


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ({}, {}, ["1", "2"]),
        ({"strands": "none"}, {"strands": "average"}, ["strands none", "strands average"]),
        ({"twin": "seed 0"}, {}, ["untrained twin", "trained model"]),
        ({"checkpoint": "a"}, {"checkpoint": "b"}, ["1", "2"]),
        ({"input": "a.fa"}, {"input": "b.fa", "sequences": 3}, ["1", "2"]),
        ({}, {"scored": 1_300}, ["scored 1,200", "scored 1,300"]),
    ],
)
def test_two_results_of_one_kind_have_anchors_and_headings_of_their_own(
    tmp_path: Path, one: dict, two: dict, said: list[str]
) -> None:
    for name, own in (("a&b", one), ("second", two)):
        (tmp_path / f"{name}.json").write_text(json.dumps(SEQUENCES | own))
    root = page(tmp_path)
    assert headings(root) == [f"Likelihood of sequences: {own}" for own in said]
    (nav,) = root.iter("nav")
    assert "json" not in words(nav)
    assert ["Read from a&b.json." in words(root), "Read from second.json." in words(root)] == [
        True,
        True,
    ]
    anchors = [heading.get("id") for heading in root.iter("h2")]
    assert anchors == ["scoresa", "scoresb"]
    assert [s.get("aria-labelledby") for s in root.iter("section")] == anchors
    assert [link.get("href") for link in root.iter("a")][1:] == ["#scoresa", "#scoresb"]


def test_results_of_two_kinds_of_scores_have_headings_in_words(tmp_path: Path) -> None:
    variants = {"kind": "variants", "scored": 1, "skipped": {}, "by_kind": []}
    variants |= {"strand_agreement": None, "baselines": []}
    (tmp_path / "a.json").write_text(json.dumps(SEQUENCES))
    (tmp_path / "b.json").write_text(json.dumps(variants))
    root = page(tmp_path)
    assert headings(root) == ["Likelihood of sequences", "Effects of variants"]
    assert [link.get("href") for link in root.iter("a")][1:] == ["#scoresa", "#scoresb"]


def test_the_verb_writes_the_page_into_the_folder(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(json.dumps(SEQUENCES))
    assert report(tmp_path) == tmp_path / "report.html"
    assert "H-Net results" in (tmp_path / "report.html").read_text()
    with pytest.raises(UsageError, match="is for runs"):
        report(tmp_path, baseline=tmp_path)


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(json.dumps(SEQUENCES | {"scored": "many"}))
    with pytest.raises(InputError, match=r"scores\.json.*scored"):
        build_results_page(tmp_path)
    (tmp_path / "scores.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        build_results_page(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        build_results_page(tmp_path / "nowhere")
