"""Where any of many words stand in a sequence, exactly, in one pass for each length.

The letters of a stretch are summed up with the powers of a base, so that the number of any part of
it takes one subtraction (Karp and Rabin, IBM J. Res. Dev. 31:249, 1987). Short words have numbers
of their own; of longer ones letters are compared where the number is that of a word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BITS = 64
_LONG_BASE = 0x9E3779B97F4A7C15  # odd: it has an inverse
_MASK = (1 << _BITS) - 1
_TABLE = 1 << 21  # numbers that are looked up in a table of their own
_FILTER_BITS = 20
_COMPARED = 1 << 22  # letters at once

Numbers = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Hits:
    """Where words of one length stand.

    Attributes:
        length: letters.
        start: (H,) of each occurrence, ascending; occurrences may overlap.
        word: (H,) int64, index of the word.
    """

    length: int
    start: Places
    word: Places


class WordFinder:
    """Finds all occurrences of words.

    Args:
        words: distinct, none empty, of letters below ``symbols``.
        symbols: letters of the alphabet, unknown ones among them: at most 256.
    """

    def __init__(self, words: Sequence[bytes], symbols: int) -> None:
        base = symbols + 1 - symbols % 2  # odd, and above every letter
        self._exact = 0
        while base ** (self._exact + 1) <= 1 << _BITS:
            self._exact += 1
        self._bases = (base, _LONG_BASE)
        by_length: dict[int, list[int]] = defaultdict(list)
        for index, word in enumerate(words):
            by_length[len(word)].append(index)
        self.longest = max(by_length, default=0)
        self._powers: dict[int, tuple[Numbers, Numbers]] = {}
        self._lengths = [
            self._of_length(length, [words[index] for index in own], own)
            for length, own in sorted(by_length.items())
        ]

    def _base(self, length: int) -> int:
        return self._bases[length > self._exact]

    def _of_length(self, length: int, words: list[bytes], index: list[int]) -> _OfLength:
        letters = np.frombuffer(b"".join(words), np.uint8).reshape(-1, length)
        base = self._base(length)
        powers = np.array([pow(base, k, 1 << _BITS) for k in range(length)], np.uint64)
        numbers = (letters.astype(np.uint64) * powers).sum(axis=1, dtype=np.uint64)
        exact = length <= self._exact
        size = base**length if exact else _TABLE + 1
        return _OfLength(length, letters, numbers, np.array(index), size, exact=exact)

    def hits(self, letters: NDArray[np.uint8], limit: int | None = None) -> Iterator[Hits]:
        """Occurrences of the words of each length, the shortest first; of one length at a time.

        Args:
            letters: (n,).
            limit: only those that start before it.
        """
        limit = len(letters) if limit is None else limit
        sums: dict[int, Numbers] = {}
        for own in self._lengths:
            count = min(limit, len(letters) - own.length + 1)
            if count <= 0:
                continue
            base = self._base(own.length)
            powers, inverse = self._of_base(base, len(letters))
            if base not in sums:
                sums[base] = np.zeros(len(letters) + 1, np.uint64)
                np.cumsum(letters * powers[: len(letters)], out=sums[base][1:])
            total = sums[base]
            numbers = (total[own.length : own.length + count] - total[:count]) * inverse[:count]
            yield own.hits(numbers, letters)

    def _of_base(self, base: int, size: int) -> tuple[Numbers, Numbers]:
        known = self._powers.get(base)
        if known is None or len(known[0]) < size:
            inverse = pow(base, -1, 1 << _BITS)
            found = []
            for factor in (base, inverse):
                powers = np.full(size, factor & _MASK, np.uint64)
                powers[:1] = 1
                found.append(np.cumprod(powers, dtype=np.uint64))
            known = self._powers[base] = (found[0], found[1])
        return known


class _OfLength:
    """The words of one length."""

    def __init__(
        self,
        length: int,
        letters: NDArray[np.uint8],
        numbers: Numbers,
        index: Places,
        size: int,
        *,
        exact: bool,
    ) -> None:
        self.length = length
        self._letters = letters
        self._exact = exact
        self._table: NDArray[np.int32] | None = None
        if size <= _TABLE:
            self._table = np.full(size, -1, np.int32)
            self._table[numbers.astype(np.int64)] = index
            return
        self._index = index
        self._filter = np.zeros(1 << _FILTER_BITS, bool)
        self._filter[_filtered(numbers)] = True
        # Words of one number, which long ones could be, go to layers of distinct numbers.
        self._layers: list[tuple[Numbers, Places]] = []
        left = np.argsort(numbers, kind="stable")
        while len(left):
            first = np.r_[True, numbers[left][1:] != numbers[left][:-1]]
            self._layers.append((numbers[left[first]], left[first]))
            left = left[~first]

    def hits(self, numbers: Numbers, letters: NDArray[np.uint8]) -> Hits:
        if self._table is not None:
            word = self._table[numbers.astype(np.int64)]
            start = np.flatnonzero(word >= 0)
            return Hits(self.length, start, word[start].astype(np.int64))
        likely = np.flatnonzero(self._filter[_filtered(numbers)])
        starts, rows = [], []
        for known, row in self._layers:
            place = np.minimum(np.searchsorted(known, numbers[likely]), len(known) - 1)
            same = known[place] == numbers[likely]
            starts.append(likely[same])
            rows.append(row[place[same]])
        start, found = np.concatenate(starts), np.concatenate(rows)
        if not self._exact:
            same = self._same(letters, start, found)
            start, found = start[same], found[same]
        if len(self._layers) > 1:
            order = np.argsort(start, kind="stable")
            start, found = start[order], found[order]
        return Hits(self.length, start, self._index[found])

    def _same(self, letters: NDArray[np.uint8], start: Places, row: Places) -> NDArray[np.bool_]:
        """Whether the letters are those of the words, too."""
        same = np.ones(len(start), bool)
        size = max(1, _COMPARED // self.length)
        for first in range(0, len(start), size):
            part = slice(first, first + size)
            windows = letters[start[part, None] + np.arange(self.length)]
            same[part] = (windows == self._letters[row[part]]).all(axis=1)
        return same


def _filtered(numbers: Numbers) -> Places:
    # Low bits of sums of odd powers say little: the high ones of a product do.
    mixed = (numbers * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(_BITS - _FILTER_BITS)
    return mixed.astype(np.int64)
