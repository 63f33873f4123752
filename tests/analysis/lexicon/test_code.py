"""The adaptive code: its length is that of writing word by word, whatever the order."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from hnet_seq.analysis.lexicon.code import _NEW, Spread


def table(counts: dict[bytes, int]) -> pa.Table:
    return pa.table(
        {
            "word": pa.array(list(counts), pa.binary()),
            "count": pa.array(list(counts.values()), pa.int64()),
        }
    )


def written(words: list[bytes], new: float, symbols: int) -> float:
    """Bits, one word after another."""
    letters = sum(map(len, words))
    ends = len(words) / letters
    bits, met = 0.0, Counter[bytes]()
    for index, word in enumerate(words):
        spelled = ends * (1 - ends) ** (len(word) - 1) / symbols ** len(word)
        bits -= math.log2((met[word] + new * spelled) / (index + new))
        met[word] += 1
    return bits


def test_it_is_what_a_reader_needs_who_learns_the_words_as_they_come() -> None:
    generator = np.random.default_rng(0)
    some = [bytes(generator.integers(0, 4, n).tolist()) for n in generator.integers(1, 60, 30)]
    words = [some[i] for i in generator.integers(0, 30, 400)]
    counts = Counter(words)
    halves = [dict(list(counts.items())[:10]), dict(list(counts.items())[10:])]
    spread = Spread(map(table, halves), 4)
    expected = min(written(words, new, 4) for new in _NEW) + math.log2(len(_NEW))
    assert spread.bits == pytest.approx(expected, rel=1e-9)
    assert (spread.words, spread.distinct) == (400, len(counts))
    assert spread.letters == sum(map(len, words))
    assert spread.once == sum(count == 1 for count in counts.values())
    generator.shuffle(words)
    assert min(written(words, new, 4) for new in _NEW) == pytest.approx(
        expected - math.log2(len(_NEW))
    )


def test_random_letters_cost_two_bits_and_a_list_of_words_is_not_free() -> None:
    generator = np.random.default_rng(1)
    text = generator.integers(0, 4, 60_000).astype(np.uint8).tobytes()
    found = []
    for length in (1, 4, 12):
        pieces = Counter(text[i : i + length] for i in range(0, len(text), length))
        found.append(Spread([table(pieces)], 4).bits_per_letter)
    assert found[0] == pytest.approx(2.0, abs=0.01)
    assert all(own is not None and own > 1.999 for own in found)


def test_a_text_of_words_costs_less_when_it_is_cut_at_them() -> None:
    generator = np.random.default_rng(2)
    words = [bytes(generator.integers(0, 4, 9).tolist()) for _ in range(20)]
    drawn = [words[i] for i in generator.integers(0, 20, 3000)]
    text = b"".join(drawn)
    at_words = Spread([table(Counter(drawn))], 4).bits_per_letter
    elsewhere = Counter(text[i : i + 9] for i in range(4, len(text), 9))
    between = Spread([table(elsewhere)], 4).bits_per_letter
    assert at_words is not None
    assert between is not None
    assert at_words < 0.6 < between


def test_the_curve_ends_with_all_words() -> None:
    counts = {b"a": 60, b"bb": 30, b"c": 5, b"dddd": 5}
    curve = Spread([table(counts)], 4).curve()
    assert curve[0] == (1, 0.6, 60 / 145)
    assert curve[-1] == (4, 1.0, 1.0)


def test_of_nothing_nothing_is_known() -> None:
    spread = Spread([], 4)
    assert (spread.words, spread.bits, spread.bits_per_letter) == (0, 0.0, None)
    assert Spread([table({})], 4).curve() == [(0, 0.0, 0.0)]
