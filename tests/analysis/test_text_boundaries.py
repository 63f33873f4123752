"""Shares of boundaries by class, against counting by hand and against chance."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from hnet_seq.analysis import text_boundaries
from hnet_seq.analysis.characters import CLASSES, KINDS, classify
from hnet_seq.analysis.text_boundaries import TextBoundaries
from hnet_seq.results.boundaries import LabelBoundaries
from pipelines.storage.json_records import as_json

RNG = np.random.default_rng(0)
PROSE = "It was the best of times, it was the worst of times:\nthe age of wisdom 1859. 山水é\n"


def tokens_of(text: str) -> np.ndarray:
    return np.frombuffer(b"\xfe%b\xff" % text.encode(), np.uint8)


def rows_of(found: LabelBoundaries) -> dict[str, Any]:
    return {row.class_: row for key in ("kinds", "places", "multi_byte") for row in found.rows(key)}


def test_shares_are_those_counted_by_hand() -> None:
    tokens = tokens_of("ab cd\n+山")
    #        marker a b ' ' c d \n + 山 . . marker
    mask = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1], bool)
    statistics = TextBoundaries()
    statistics.add("", tokens, mask)
    found = statistics.summary()["all"]
    assert (found.documents, found.bytes, found.boundaries) == (1, 10, 5)
    assert found.bytes_per_boundary == 2
    rows = rows_of(found)
    counted = {name: (row.bytes, row.boundaries) for name, row in rows.items()}
    assert counted == {
        "whitespace": (2, 0),
        "word start": (3, 3),
        "number start": (0, 0),
        "inside a word": (4, 1),
        "punctuation or operator": (1, 1),
        "after whitespace": (2, 2),
        "line start": (2, 2),
        "character start": (8, 4),
        "continuation byte": (2, 1),
        "start of a multi-byte character": (1, 1),
        "inside a multi-byte character": (2, 1),
    }
    assert (rows["word start"].share, rows["word start"].expected) == (0.6, 0.3)
    assert rows["word start"].ratio == pytest.approx(2)
    assert rows["number start"].ratio is None
    # Among characters of several bytes only.
    assert rows["start of a multi-byte character"].share == 0.5
    assert rows["start of a multi-byte character"].expected == pytest.approx(1 / 3)
    # Ten bytes are one block: too little for an interval.
    assert {row.low for row in rows.values()} == {None}


def test_the_first_byte_is_not_counted_where_no_marker_stands_before_it() -> None:
    statistics = TextBoundaries()
    statistics.add("", np.frombuffer(b"ab", np.uint8), np.array([True, False]))
    assert statistics.summary()["all"].boundaries == 0
    assert statistics.summary()["all"].bytes == 1


def test_kinds_are_all_of_the_boundaries() -> None:
    statistics = TextBoundaries()
    for _ in range(3):
        tokens = tokens_of(PROSE * 30)
        statistics.add("", tokens, RNG.random(len(tokens)) < 0.2)
    kinds = statistics.summary()["all"].kinds
    assert [row.class_ for row in kinds] == list(KINDS)
    assert sum(row.share for row in kinds) == pytest.approx(1)
    assert sum(row.expected for row in kinds) == pytest.approx(1)


def test_random_boundaries_are_no_richer_than_chance_and_word_starts_are() -> None:
    chance, words = TextBoundaries(), TextBoundaries()
    for _ in range(60):
        tokens = tokens_of(PROSE * int(RNG.integers(5, 20)))
        chance.add("", tokens, RNG.random(len(tokens)) < 0.25)
        starts = classify(tokens)[0][:, CLASSES.index("word start")]
        words.add("", tokens, starts & (RNG.random(len(tokens)) < 0.9))
    found = chance.summary()["all"]
    assert (found.resampled, found.units) == ("documents", 60)
    inside = [row.ratio_low <= 1 <= row.ratio_high for row in rows_of(found).values()]
    assert sum(inside) >= len(inside) - 2  # of 95% intervals
    assert all(row.low <= row.share <= row.high for row in rows_of(found).values())
    row = rows_of(words.summary()["all"])["word start"]
    assert row.share == 1
    assert row.low is None  # all of them: how far other documents might be is not seen
    assert row.ratio_low > 4


def test_few_documents_are_resampled_in_blocks() -> None:
    statistics = TextBoundaries()
    tokens = tokens_of(PROSE * 200)
    statistics.add("", tokens, RNG.random(len(tokens)) < 0.25)
    found = statistics.summary()["all"]
    assert found.resampled == "blocks of 1000 bytes"
    assert found.units == -(-len(tokens) // 1000)
    row = rows_of(found)["whitespace"]
    assert row.low < row.share < row.high
    assert statistics.summary()["all"] == found


def test_labels_are_apart_and_all_is_their_sum() -> None:
    statistics = TextBoundaries()
    for label, text in (("python", "x = 1\n" * 9), ("c", "int y;\n" * 9), ("python", "z\n")):
        tokens = tokens_of(text)
        statistics.add(label, tokens, RNG.random(len(tokens)) < 0.5)
    summary = statistics.summary()
    labels = {found.label: found for found in summary["labels"]}
    assert list(labels) == ["c", "python"]
    assert labels["python"].documents == 2
    for key in ("documents", "bytes", "boundaries"):
        assert getattr(summary["all"], key) == sum(getattr(found, key) for found in labels.values())
    json.dumps(as_json(summary), allow_nan=False)


def test_a_long_document_is_counted_as_one_whatever_it_is_cut_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = tokens_of("山水 ab_1\n" * 50)
    mask = RNG.random(len(tokens)) < 0.3
    monkeypatch.setattr(text_boundaries, "BLOCK", 1)
    found = []
    for span in (1, 2, 3, 7, 10_000):
        monkeypatch.setattr(text_boundaries, "_SPAN", span)
        statistics = TextBoundaries()
        statistics.add("", tokens, mask)
        found.append(statistics.summary())
    assert all(other == found[0] for other in found)


def test_nothing_at_all_is_described_without_numbers() -> None:
    found = TextBoundaries().summary()
    assert (found["all"].bytes, found["labels"]) == (0, [])
    assert found["all"].bytes_per_boundary is None
    assert all(row.share is None for row in rows_of(found["all"]).values())
