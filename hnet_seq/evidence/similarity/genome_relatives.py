"""How far genomes lie apart, by sketches of their words: who is near whom, and who is nearest.

Of two genomes, the words up to the lesser of their highest kept hashes are a sample of both. The
share of those of the smaller genome that the other has is ``(1 - distance) ** 21`` where changes
are spread evenly (Fan et al. 2015; the containment of Koslicki and Zabeti 2019), so a genome that
is half there, or a plasmid, is as near as what it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnet_seq.connected import connected

WORD = 21
_LEAST = 3  # words: two genomes without relation share a gene of rRNA
_SPREADS = 3  # standard errors of a share
_LOW_BITS = np.uint64(0xFFFFFFFF)  # the high ones are alike among the lowest
_NONE = 2.0**64  # above all hashes: the sketch has all words


class Nearest(NamedTuple):
    """A pair of genomes, by their numbers, and the substitutions per base between them."""

    one: int
    other: int
    distance: float


class Relatives:
    """N genomes by their sketches.

    Memory is 20 bytes a hash that two genomes share, and 16 KB a genome while it is made.

    Args:
        sketches: the lowest hashes of each, sorted uint64.
        most: how many a sketch has at most.
    """

    def __init__(self, sketches: Sequence[NDArray[np.uint64]], most: int) -> None:
        self._sketches = sketches
        self._sizes = np.array([len(sketch) for sketch in sketches], np.float64)
        self._highest = np.array(
            [float(sketch[-1]) if len(sketch) >= most else _NONE for sketch in sketches]
        )
        pairs = [
            (sketch & _LOW_BITS) << np.uint64(32) | np.uint64(number)
            for number, sketch in enumerate(sketches)
        ]
        held = np.concatenate([np.zeros(0, np.uint64), *pairs])
        del pairs
        held.sort()
        words = (held >> np.uint64(32)).astype(np.uint32)
        same = words[1:] == words[:-1]
        shared = np.append(False, same) | np.append(same, False) if len(words) else same
        self._words = words[shared]
        self._holders = (held[shared] & _LOW_BITS).astype(np.int32)

    def links(self, distance: float, *, surely: bool = False) -> NDArray[np.int64]:
        """(M, 2) pairs of genomes that may be as near as ``distance``.

        A pair is one unless its share of words lies three standard errors below what that distance
        leaves; with ``surely`` it must not lie below at all.
        """
        share = (1 - distance) ** WORD
        found = [np.zeros((0, 2), np.int64)]
        for number in range(len(self._sketches)):
            others, shared, words = self._row(number)
            spread = 0.0 if surely else _SPREADS * np.sqrt(words * share * (1 - share))
            near = (shared >= np.maximum(_LEAST, words * share - spread)) | (shared >= words)
            near &= others > number
            ones = np.full(int(near.sum()), number)
            found.append(np.stack([ones, others[near]], axis=1))
        return np.concatenate(found)

    def groups(self, links: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) group numbers: what a chain of links connects has one."""
        return connected(len(self._sketches), links[:, 0], links[:, 1])

    def nearest(self, held_out: Sequence[int], others: Sequence[int]) -> Iterator[Nearest]:
        """Of each held-out genome the nearest other one, where any is as near as can be seen."""
        among = np.zeros(len(self._sketches), np.bool_)
        among[list(others)] = True
        for number in held_out:
            found, shared, words = self._row(number)
            seen = among[found] & ((shared >= _LEAST) | (shared >= words))
            if not seen.any():
                continue
            share = np.minimum(1.0, shared[seen] / words[seen])
            best = int(np.argmax(share))
            apart = float(1 - share[best] ** (1 / WORD))
            yield Nearest(number, int(found[seen][best]), apart)

    def _row(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Genomes that share words with one, how many, and of how many of the smaller one."""
        words = (self._sketches[number] & _LOW_BITS).astype(np.uint32)
        words.sort()
        first = np.searchsorted(self._words, words, side="left")
        last = np.searchsorted(self._words, words, side="right")
        counts = last - first
        places = np.repeat(first - np.append(0, np.cumsum(counts)[:-1]), counts)
        holders = self._holders[places + np.arange(len(places))]
        shared = np.bincount(holders, minlength=len(self._sketches))
        shared[number] = 0
        others = np.flatnonzero(shared)
        common = np.minimum(self._highest[number], self._highest[others])
        own = self._sizes[number] / self._highest[number]
        fewer = np.minimum(own, self._sizes[others] / self._highest[others])
        return others, shared[others], np.maximum(1.0, common * fewer)
