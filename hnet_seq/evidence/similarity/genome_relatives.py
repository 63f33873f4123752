"""How far genomes lie apart, by sketches of their words: who is near whom, and who is nearest.

Of two genomes, the words up to the lesser of their highest kept hashes are a sample of both. The
share of those of the smaller genome that the other has is ``(1 - distance) ** word`` for words of
so many bases where changes are spread evenly (Fan et al. 2015; the containment of Koslicki and
Zabeti 2019), so a genome that is half there, or a plasmid, is as near as what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnet_seq.connected import connected

_LEAST = 3  # words: two genomes without relation share a gene of rRNA
_SPREADS = 3  # standard errors of a share
_MOST_LINKS = 1 << 20
_LOW_BITS = np.uint64(0xFFFFFFFF)  # the high ones are alike among the lowest
_NONE = 2.0**64  # above all hashes: the sketch has all words


class Nearest(NamedTuple):
    """A pair of genomes, by their numbers, and the substitutions per base between them."""

    one: int
    other: int
    distance: float


class _Row(NamedTuple):
    """Genomes that share words with one.

    ``shared`` counts those words, ``fewer`` and ``more`` how many the smaller and the larger of the
    two have where both were sampled; ``complete``: that is all of them.
    """

    others: NDArray[np.int64]
    shared: NDArray[np.int64]
    fewer: NDArray[np.float64]
    more: NDArray[np.float64]
    complete: NDArray[np.bool_]


class Relatives:
    """N genomes by their sketches.

    Memory is 20 bytes a hash that two genomes share, and 16 KB a genome while it is made.

    Args:
        sketches: the lowest hashes of each, sorted uint64.
        most: how many a sketch has at most.
        word: bases of a word.
    """

    def __init__(self, sketches: Sequence[NDArray[np.uint64]], most: int, word: int) -> None:
        self._word = word
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

    def near(self, number: int, distance: float) -> NDArray[np.int64]:
        """Genomes that may be as near to one as ``distance``.

        They are unless the share of the smaller one's words lies three standard errors below what
        that distance leaves.
        """
        share = (1 - distance) ** self._word
        row = self._row(number)
        spread = _SPREADS * np.sqrt(row.fewer * share * (1 - share))
        enough = row.shared >= np.maximum(_LEAST, row.fewer * share - spread)
        return row.others[enough | (row.shared >= row.fewer)]

    def copies(self, number: int, distance: float) -> NDArray[np.int64]:
        """Genomes that are near-identical to one, the larger one's words counted.

        What is a part of another genome, as a phage of its host, is no copy of it.
        """
        row = self._row(number)
        enough = row.shared >= np.maximum(_LEAST, row.more * (1 - distance) ** self._word)
        # Genomes of a few words hold all of them in common.
        return row.others[enough | (row.complete & (row.shared >= row.more))]

    def groups(
        self, linked: Callable[[int], NDArray[np.int64]], among: Sequence[int] | None = None
    ) -> NDArray[np.int64]:
        """(N,) group numbers: what a chain of links connects has one.

        Args:
            linked: the genomes that are linked with one.
            among: genomes whose links count; None for all.
        """
        count = len(self._sketches)
        counted = np.zeros(count, np.bool_)
        counted[slice(None) if among is None else list(among)] = True
        one = [np.zeros(0, np.int64)]
        other = [np.zeros(0, np.int64)]
        held = 0
        for number in np.flatnonzero(counted).tolist():
            others = linked(number)
            others = others[counted[others] & (others > number)]
            one.append(np.full(len(others), number))
            other.append(others)
            held += len(others)
            if held > _MOST_LINKS + count:
                # Thousands of copies have millions of links; one with the first says as much.
                groups = connected(count, np.concatenate(one), np.concatenate(other))
                one = [np.arange(count)]
                other = [np.unique(groups, return_index=True)[1][groups]]
                held = count
        return connected(count, np.concatenate(one), np.concatenate(other))

    def nearest(self, held_out: Sequence[int], others: Sequence[int]) -> Iterator[Nearest]:
        """Of each held-out genome the nearest other one, where any is as near as can be seen."""
        among = np.zeros(len(self._sketches), np.bool_)
        among[list(others)] = True
        for number in held_out:
            row = self._row(number)
            seen = among[row.others] & ((row.shared >= _LEAST) | (row.shared >= row.fewer))
            if not seen.any():
                continue
            share = np.minimum(1.0, row.shared[seen] / row.fewer[seen])
            best = int(np.argmax(share))
            apart = float(1 - share[best] ** (1 / self._word))
            yield Nearest(number, int(row.others[seen][best]), apart)

    def _row(self, number: int) -> _Row:
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
        other = self._sizes[others] / self._highest[others]
        return _Row(
            others,
            shared[others],
            np.maximum(1.0, common * np.minimum(own, other)),
            np.maximum(1.0, common * np.maximum(own, other)),
            common >= _NONE,
        )
