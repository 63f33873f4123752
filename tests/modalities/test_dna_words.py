from __future__ import annotations

import numpy as np
import pytest

from modalities import dna
from modalities.dna_words import canonical_words, mixed


def by_hand(sequence: str, size: int) -> list[tuple[int, int]]:
    """Letter by letter."""
    digits = str.maketrans("ACGT", "0123")
    found = []
    for start in range(len(sequence) - size + 1):
        word = sequence[start : start + size]
        if "N" not in word:
            other = word[::-1].translate(str.maketrans("ACGT", "TGCA"))
            found.append((min(int(w.translate(digits), 4) for w in (word, other)), start))
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 21, 24, 31])
def test_words_are_those_of_the_letters(size: int) -> None:
    letters = "".join(
        np.random.default_rng(size).choice(list("ACGTN"), 200, p=[0.245] * 4 + [0.02])
    )
    words, starts = canonical_words(dna.encode(letters), size)
    assert list(zip(words.tolist(), starts.tolist(), strict=True)) == by_hand(letters, size)


def test_a_sequence_below_the_size_has_no_words() -> None:
    for letters in ("", "A", "ACGTACGTACGTACGTACGT"):
        assert not len(canonical_words(dna.encode(letters), 21)[0])


def test_mixed_codes_are_spread_evenly_and_stay_different() -> None:
    found = mixed(np.arange(200_000))
    assert len(np.unique(found)) == 200_000
    counts = np.bincount((found >> np.uint64(58)).astype(np.int64), minlength=64)
    assert abs(counts - 200_000 / 64).max() < 6 * (200_000 / 64) ** 0.5
    assert mixed(np.array([0]))[0] == 0xE220A8397B1DCDAF  # as the authors' program begins from 0
