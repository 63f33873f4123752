"""Letters and the chunks among them, as a lexicon counts them; and what predicts cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.statistics import BLOCK

SLICE = 100 * BLOCK  # letters that are looked at, at once
_LEAST = 1e-9  # of a chance that counts found to be 0 or 1

Letters = NDArray[np.uint8]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class CutText:
    """A record, a part of one, or several documents end to end; or a piece of such a text.

    Attributes:
        name: of the record.
        start: place of its first letter in the record.
        letters: (n,) tokens.
        depth: (n,) how many stages begin a chunk at each.
        begins: whether the model began to read here: the first cut is forced, and is one.
        ends: whether the record ends here, and its last chunk with it.
        piece: first and last (exclusive) of the letters that are counted with it; those around them
            are counted with the pieces before and behind. None: all.
    """

    name: str
    start: int
    letters: Letters
    depth: NDArray[np.uint8]
    begins: bool = True
    ends: bool = True
    piece: tuple[int, int] | None = None

    @property
    def own(self) -> tuple[int, int]:
        """First and last (exclusive) of the letters that are counted with it."""
        return self.piece or (0, len(self.letters))

    @property
    def goes_on(self) -> bool:
        """Whether a piece of the same text comes next."""
        return self.own[1] < len(self.letters)

    def bounds(self, stage: int) -> Places:
        """(K + 1,) edges of the whole chunks of a stage that begin in the piece, ascending.

        What is cut off is no chunk.
        """
        found = np.flatnonzero(self.depth > stage)
        if self.begins and len(self.letters) and (not len(found) or found[0]):
            found = np.r_[0, found]
        found = np.r_[found, len(self.letters)] if self.ends and len(found) else found
        first, last = np.searchsorted(found, self.own)
        return found[first : last + 1]

    def slices(self) -> Iterator[tuple[int, int]]:
        """First and last (exclusive) own letters, in blocks of the record but at the ends."""
        first, end = self.own
        for size in sizes_of(self.start + first, self.start + end, SLICE):
            yield first, first + size
            first += size


def sizes_of(start: int, end: int, size: int) -> Iterator[int]:
    """Letters of each part of ``[start, end)`` if it is cut at all multiples of ``size``."""
    while start < end:
        until = min(start // size * size + size, end)
        yield until - start
        start = until


@dataclass(frozen=True)
class Alphabet:
    """What letters there are.

    Attributes:
        symbols: letters of words: the first of them; further ones are unknown or markers.
        size: all that occur.
        context: letters, the last one included, that the control predicts a cut from.
        complement: (256,) of each letter, where there are two strands.
    """

    symbols: int
    size: int
    context: int
    complement: Letters | None = None

    @property
    def contexts(self) -> int:
        """How many contexts there are, and the unknown one."""
        return self.symbols**self.context + 1

    def contexts_of(self, letters: Letters, first: int, last: int) -> Places:
        """(last - first,) the context at each place; the last one where a letter is unknown."""
        left = max(0, first - self.context + 1)
        part = letters[left:last]
        found = np.zeros(last - first, np.int64)
        unknown = np.zeros(last - first, bool)
        for back in range(self.context - 1, -1, -1):
            at = first - left - back
            own = np.full(last - first, self.symbols, np.int64)
            own[max(0, -at) :] = part[max(0, at) : at + last - first]
            unknown |= own >= self.symbols
            found = found * self.symbols + own
        return np.where(unknown, self.contexts - 1, found)

    def reverse_complement(self, word: bytes) -> bytes:
        """Of a word; the word itself where there is one strand."""
        if self.complement is None:
            return word
        return bytes(self.complement[np.frombuffer(word, np.uint8)][::-1])


class CutChances:
    """How often a chunk of one stage begins, by the letters that end there."""

    def __init__(self, alphabet: Alphabet, stage: int) -> None:
        self._alphabet, self._stage = alphabet, stage
        self._cuts = np.zeros(alphabet.contexts, np.int64)
        self._places = np.zeros(alphabet.contexts, np.int64)

    def add(self, text: CutText) -> None:
        """Count the known letters, but for a forced cut."""
        for first, last in text.slices():
            context = self._alphabet.contexts_of(text.letters, first, last)
            counted = text.letters[first:last] < self._alphabet.symbols
            if first == 0 and text.begins:
                counted[:1] = False
            cut = counted & (text.depth[first:last] > self._stage)
            size = self._alphabet.contexts
            self._places += np.bincount(context[counted], minlength=size)
            self._cuts += np.bincount(context[cut], minlength=size)

    @property
    def rate(self) -> float:
        """Cuts a letter."""
        return float(self._cuts.sum() / max(self._places.sum(), 1))

    def logs(self, text: CutText, first: int, last: int) -> tuple[NDArray[np.float64], ...]:
        """(n + 1,) log of the chance of a cut at each place from ``first`` to ``last``, and sums.

        Sums (n + 2,) are of the logs of no cut, before each place. Where the text begins and ends
        a cut is certain.
        """
        stop = min(last, len(text.letters))
        context = self._alphabet.contexts_of(text.letters, first, stop)
        chance = np.where(self._places > 0, self._cuts / np.maximum(self._places, 1), self.rate)
        chance = np.clip(chance, _LEAST, 1 - _LEAST)
        at = np.full(last - first + 1, 0.0)
        at[: stop - first] = np.log(chance)[context]
        none = np.zeros(last - first + 2)
        none[1 : stop - first + 1] = np.cumsum(np.log1p(-chance)[context])
        none[stop - first + 1 :] = none[stop - first]
        if first == 0 and text.begins:
            at[:1] = 0.0
        return at, none
