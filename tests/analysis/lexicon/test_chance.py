"""What is called more than chance, and what words look like."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.analysis.lexicon.chance import beyond_shifted, beyond_shuffled, false_discoveries
from hnet_seq.analysis.lexicon.spelling import (
    BROKEN,
    CHARACTER,
    IDENTIFIER,
    MIXED,
    NUMBER,
    OPERATOR,
    SEPARATOR,
    SEVERAL,
    SPACE,
    kind_of,
    spelled,
)
from hnet_seq.analysis.lexicon.subwords import Writing


def test_false_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005, 0.9])
    # Ranks 2, 4, -, 3, 1, 5 among ten tests: each is the least of p n / rank from there on.
    expected = [0.05, 0.1, np.nan, 0.1, 0.05, 1]
    np.testing.assert_allclose(false_discoveries(p, 10), expected)
    assert false_discoveries(p)[0] == pytest.approx(0.025)
    assert not len(false_discoveries(np.zeros(0)))


def test_words_as_frequent_as_in_shuffled_sequence_are_not_found_though_chosen_for_it() -> None:
    """The most frequent of many words of the same chance, drawn twice."""
    random = np.random.default_rng(0)
    found = 0
    for _ in range(40):
        here, there = random.poisson(3.0, (2, 20_000))
        best = np.argsort(-here)[:1000]
        totals = int(here.sum()), int(there.sum())
        _, q, _ = beyond_shuffled(here[best], there[best], totals, 20_000)
        found += int((q <= 0.05).any())
    assert found <= 5


def test_a_word_ten_times_as_frequent_is_found_and_the_rate_of_cuts_is_taken_out() -> None:
    ratio, q, far = beyond_shuffled(
        np.array([100, 100, 10]), np.array([10, 50, 100]), (10_000, 5_000), 1000
    )
    np.testing.assert_allclose(ratio, [100.5 / 10.5 / 2, 100.5 / 50.5 / 2, 10.5 / 100.5 / 2])
    assert q[0] < 1e-5
    assert q[1] == q[2] == 1
    assert far[0] > far[1] > far[2]
    assert far[2] < 0


def test_shifted_blocks_say_how_far_chance_goes() -> None:
    random = np.random.default_rng(1)
    inside = random.binomial(20, 0.3, (400, 50)).astype(float)  # words, blocks of 20 chunks
    z, p = beyond_shifted(
        inside.sum(axis=1)[None],
        np.full((1, 400), 300.0),
        ((inside - 6) ** 2).sum(axis=1)[None],
        np.full(400, 1000),
    )
    assert abs(float(np.mean(z))) < 0.2
    assert float(np.std(z)) == pytest.approx(1, abs=0.12)
    assert float(np.mean(p < 0.05)) == pytest.approx(0.05, abs=0.035)
    few, _ = beyond_shifted(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.array([9]))
    assert np.isnan(few).all()


def test_different_words_are_spelled_differently_and_keep_to_their_line() -> None:
    words = [b" a", b"a\t", b"a\\t", b"a\n", b"a\\n", b"\xe5\xb1", b"\\xe5\\xb1", "山".encode()]
    words += [b"a\xe2\x94\x82b", b"a" + bytes([SEPARATOR]) + b"b", b"\\u2502", b"\x00", b"\x7f"]
    shown = [spelled(word, dna=False) for word in words]
    assert len(set(shown)) == len(words)
    assert not any("\t" in own or "\n" in own for own in shown)
    assert spelled(bytes([0, 1, SEPARATOR, 2, 3]), dna=True) == "AC\u2502GT"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("x_1", IDENTIFIER),
        (" naïve ", IDENTIFIER),
        ("山", CHARACTER),
        ("。", CHARACTER),
        ("山水", SEVERAL),
        ("of the", SEVERAL),
        ("42", NUMBER),
        (" \n", SPACE),
        ("->", OPERATOR),
        ("f(", MIXED),
    ],
)
def test_kinds_of_words(word: str, kind: str) -> None:
    assert kind_of(word.encode()) == kind
    assert kind_of(word.encode() + b"\xe5") == BROKEN


def test_every_letter_has_a_character_and_comes_back() -> None:
    every = bytes(range(256))
    writing = Writing(dna=False)
    assert len(set(writing.characters)) == 256
    assert writing.read(writing.write(every)) == every
    assert writing.read("<unk>\u4e00") is None
    assert Writing(dna=True).read("ACGTN") == bytes(range(5))
