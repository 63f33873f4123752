"""Counting words, and finding them, beside loops that anyone can read."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.analysis.lexicon import occurrences, words
from hnet_seq.analysis.lexicon.occurrences import WordFinder
from hnet_seq.analysis.lexicon.words import WordCounts, of_known_letters, word_array


def drawn(size: int, letters: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, letters, size).astype(np.uint8)


def cut(size: int, chance: float, seed: int = 1) -> np.ndarray:
    inside = np.flatnonzero(np.random.default_rng(seed).random(size) < chance)
    return np.unique(np.r_[0, inside, size])


@pytest.mark.parametrize("most_rows", [1 << 20, 40])
def test_counts_are_exact_in_memory_and_by_way_of_files(tmp_path: Path, most_rows: int) -> None:
    text = drawn(30_000, 4)
    bounds = cut(len(text), 0.25)
    expected = Counter(text[a:b].tobytes() for a, b in pairwise(bounds))
    with WordCounts(tmp_path / "spill", most_rows) as counts:
        for first in range(0, len(bounds) - 1, 500):
            counts.add(word_array(text, bounds[first : first + 501]))
            counts._count_new()
        assert bool(list(tmp_path.rglob("*.words"))) == (most_rows == 40)
        for _ in range(2):  # the tables can be read again
            found: dict[bytes, int] = {}
            for table in counts.tables():
                own = dict(zip(table["word"].to_pylist(), table["count"].to_pylist(), strict=True))
                assert not own.keys() & found.keys()
                found |= own
            assert found == expected
        order = sorted(expected, key=lambda word: (-expected[word], word))
        for size in (1, 7, 100, len(order) + 5):
            best, count = counts.most_frequent(size)
            assert best == order[:size]
            assert count.tolist() == [expected[word] for word in best]
    assert not list(tmp_path.rglob("*.words"))


def test_words_with_unknown_letters_are_told_from_others() -> None:
    text = np.array([0, 1, 4, 2, 3, 3, 4], np.uint8)
    bounds = np.array([0, 2, 3, 6, 7])
    assert of_known_letters(text, bounds, 4).tolist() == [True, False, True, False]
    assert word_array(text, bounds[1:]).to_pylist() == [b"\x04", b"\x02\x03\x03", b"\x04"]


def naive(letters: np.ndarray, listed: list[bytes]) -> set[tuple[int, int]]:
    """Start and word of every occurrence."""
    text = letters.tobytes()
    return {
        (start, index)
        for index, word in enumerate(listed)
        for start in range(len(text) - len(word) + 1)
        if text.startswith(word, start)
    }


@pytest.mark.parametrize(("symbols", "letters"), [(5, 4), (5, 2), (256, 3), (256, 254)])
def test_a_finder_finds_what_a_loop_finds(symbols: int, letters: int) -> None:
    text = drawn(700, letters, seed=symbols + letters)
    text[300:360] = text[100:160]  # long words that stand there twice
    places = np.random.default_rng(2).integers(0, 600, 120)
    lengths = [1, 2, 3, 5, 9, 10, 12, 27, 28, 40, 60]
    listed = {text[p : p + lengths[i % 11]].tobytes() for i, p in enumerate(places)}
    listed |= {text[100:160].tobytes(), bytes([1] * 30), text[110:140].tobytes()[::-1]}
    known = sorted(listed)
    found = set()
    for hits in WordFinder(known, symbols).hits(text):
        assert np.all(np.diff(hits.start) >= 0)
        assert {len(known[word]) for word in hits.word} <= {hits.length}
        found |= set(zip(hits.start.tolist(), hits.word.tolist(), strict=True))
    assert found == naive(text, known)
    some = {
        (start, word)
        for hits in WordFinder(known, symbols).hits(text, 50)
        for start, word in zip(hits.start.tolist(), hits.word.tolist(), strict=True)
    }
    assert some == {own for own in found if own[0] < 50}


def test_words_of_one_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base of 1 gives words of the same letters the same number."""
    monkeypatch.setattr(occurrences, "_LONG_BASE", 1)
    text = drawn(400, 2, seed=9)
    known = sorted({text[p : p + 30].tobytes() for p in range(0, 300, 3)})
    found = {
        (start, word)
        for hits in WordFinder(known, 5).hits(text)
        for start, word in zip(hits.start.tolist(), hits.word.tolist(), strict=True)
    }
    assert found == naive(text, known)


def test_a_file_holds_about_as_many_words_as_any_other() -> None:
    text = drawn(60_000, 4)
    bounds = np.arange(0, len(text) + 1, 12)
    place = words._hashes(word_array(text, bounds))
    share = np.bincount(place.astype(int), minlength=words.FILES)
    assert share.min() > 0.4 * share.mean()
    assert share.max() < 1.8 * share.mean()
