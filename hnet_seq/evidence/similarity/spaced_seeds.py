"""Pairs of sequences that may be relatives, on either strand: two seeds on nearly one diagonal.

A seed asks for 11 equal bases at places of a pattern of 18 (Ma, Tromp and Li, Bioinformatics
18:440, 2002): it stands many more changes than a word of equal length does. One seed that fits says
little; a second one with the same shift between the two sequences, or one that a few inserted or
deleted bases explain, is rare by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.similarity.parts import parts
from modalities.dna import COMPLEMENT

PATTERN = "111010010100110111"
_PLACES = tuple(place for place, mark in enumerate(PATTERN) if mark == "1")
_BAND = 6  # bases that two seeds of one pair may be shifted against each other
_KEPT = 3  # of the sequences that may be relatives of one: those that score most
_AROUND = 100  # bases before a seed, and so many after it, that are compared without gaps
_LEAST = 18  # equal bases less unequal ones: two seeds that chance put on one diagonal have fewer
_PART_BASES = 1 << 16  # at a time: the arrays of a part stay small
# A seed that stands in more places than so many, times as often as chance would have it, is of a
# repeat: it makes pairs by the million, and its copies share others.
_FEWEST_PLACES, _TIMES_CHANCE = 64, 8
# Seeds from which a table of all codes is made at once; fewer are looked up among themselves.
_MANY = 1 << 17


class Candidate(NamedTuple):
    """Two sequences by number, that may be relatives.

    Attributes:
        query, reference: numbers.
        reverse: whether the reverse complement of the query is meant.
        shift: place in the reference less the place in the query (or its reverse complement).
        place: in the query (or its reverse complement) where a seed lies.
        score: equal bases less unequal ones of the best stretch around it, without gaps.
    """

    query: int
    reference: int
    reverse: bool
    shift: int
    place: int
    score: int


class SeedIndex:
    """Where the seeds of N sequences stand.

    Memory: 5 bytes a base, 20 while it is made, and 50 MB where seeds are many.
    """

    def __init__(self, sequences: Sequence[NDArray[np.uint8]]) -> None:
        self.lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        self.starts = np.cumsum(self.lengths + 1) - self.lengths - 1
        self._tokens = _apart(sequences)
        codes, places = _seeds(self._tokens)
        self._known = None if len(codes) > _MANY else np.unique(codes)
        rows = 4 ** len(_PLACES) if self._known is None else len(self._known) + 1
        counts = np.bincount(self._rows(codes), minlength=rows)
        most = max(_FEWEST_PLACES, _TIMES_CHANCE * len(codes) // 4 ** len(_PLACES))
        sorted_places = np.sort(codes.astype(np.int64) << 40 | places) & (1 << 40) - 1
        self._places = sorted_places.astype(np.int64 if len(self._tokens) >> 31 else np.int32)
        self._first = np.cumsum(counts) - counts
        self._counts = np.where(counts > most, 0, counts).astype(np.int32)

    def _rows(self, codes: NDArray[np.int32]) -> NDArray[np.integer]:
        """Of the tables: a code is its own, or its rank; the last row is that of unknown ones."""
        if self._known is None:
            return codes
        ranks = np.searchsorted(self._known, codes)
        return np.where(np.append(self._known, -1)[ranks] == codes, ranks, len(self._known))

    def candidates(
        self, queries: Sequence[NDArray[np.uint8]], *, same: bool = False
    ) -> Iterator[Candidate]:
        """For each query the ``_KEPT`` sequences that are most like it around a seed.

        Args:
            same: the queries are the sequences of the index; a sequence is no relative of itself.
        """
        for begin, end in parts(queries, _PART_BASES):
            part = queries[begin:end]
            found = [
                self._of_part(part, begin, reverse=reverse, same=same) for reverse in (False, True)
            ]
            rows = np.concatenate(found, 1)
            # The best of each pair, then the best pairs of each query.
            rows = rows[:, np.lexsort((-rows[5], rows[1], rows[0]))]
            others = np.append(True, np.any(np.diff(rows[:2], axis=1), axis=0))
            rows = rows[:, others[: rows.shape[1]]]
            rows = rows[:, np.lexsort((rows[1], -rows[5], rows[0]))]
            _, counts = np.unique(rows[0], return_counts=True)
            rank = np.arange(rows.shape[1]) - np.repeat(np.cumsum(counts) - counts, counts)
            for query, reference, reverse, shift, place, score in rows[:, rank < _KEPT].T.tolist():
                yield Candidate(query, reference, bool(reverse), shift, place, score)

    def _of_part(
        self, part: Sequence[NDArray[np.uint8]], number: int, *, reverse: bool, same: bool
    ) -> NDArray[np.int64]:
        """(6, M): query, reference, reverse, shift, place, score."""
        if reverse:
            part = [COMPLEMENT[sequence[::-1]] for sequence in part]
        lengths = np.array([len(sequence) for sequence in part], np.int64)
        starts = np.cumsum(lengths + 1) - lengths - 1
        tokens = _apart(part)
        codes, places = _seeds(tokens)
        rows_of = self._rows(codes)
        counts, first = self._counts[rows_of], self._first[rows_of]
        hits = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        owner = np.repeat(np.arange(len(part)), lengths + 1)[places]
        asked = np.repeat(owner, counts)
        at = np.repeat(places - starts[owner], counts)
        diagonal = self._places[hits] - at  # in all sequences one after the other
        order = np.argsort(asked << 40 | diagonal + (1 << 32), kind="stable")
        asked, diagonal, at = asked[order], diagonal[order], at[order]
        apart = np.append(True, (np.diff(asked) != 0) | (np.diff(diagonal) > _BAND))[: len(asked)]
        begins = np.flatnonzero(apart)
        if not len(begins):
            return np.zeros((6, 0), np.int64)
        seeds = np.diff(np.append(begins, len(asked)))
        # The one in the middle lies on the shift that most have: the first may be there by chance.
        middle = (begins + seeds // 2)[seeds > 1]
        asked, diagonal, at = asked[middle], diagonal[middle], at[middle]
        place = diagonal + at
        score = _ungapped(tokens, starts[asked] + at, self._tokens, place)
        reference = np.searchsorted(self.starts, place, side="right") - 1
        rows = (
            *(asked + number, reference, np.full(len(middle), int(reverse))),
            *(diagonal - self.starts[reference], at, score),
        )
        found = np.stack(rows)[:, score >= _LEAST]
        return found[:, found[0] != found[1]] if same else found


def _ungapped(
    one: NDArray[np.uint8],
    at_one: NDArray[np.int64],
    other: NDArray[np.uint8],
    at_other: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(M,) the best stretch of equal bases less unequal ones within ``_AROUND`` of M pairs of
    places. Beyond a sequence lies another one, which is as good as chance."""
    around = np.arange(-_AROUND, _AROUND)
    sides = [
        tokens[(places[:, None] + around).clip(0, len(tokens) - 1)]
        for tokens, places in ((one, at_one), (other, at_other))
    ]
    equal = (sides[0] == sides[1]) & (sides[0] < 4)
    sums = np.cumsum(np.where(equal, 1, -1).astype(np.int16), 1, dtype=np.int16)
    below = np.minimum.accumulate(np.insert(sums[:, :-1], 0, 0, 1), 1)
    best: NDArray[np.int64] = (sums - below).max(1, initial=0).astype(np.int64)
    return best


def _apart(sequences: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """One after the other, an unknown base between two, so that no seed reaches over."""
    pieces = [np.append(sequence, np.uint8(4)) for sequence in sequences]
    return np.concatenate([np.zeros(0, np.uint8), *pieces])


def _seeds(tokens: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Codes of the seeds, and where they begin; those with an unknown base are left out."""
    count = len(tokens) - len(PATTERN) + 1
    if count < 1:
        return np.zeros(0, np.int32), np.zeros(0, np.int64)
    codes = np.zeros(count, np.int32)
    known = np.ones(count, bool)
    for place in _PLACES:
        base = tokens[place : place + count]
        known &= base < 4
        codes = codes << 2 | (base & 3)
    starts = np.flatnonzero(known)
    return codes[starts], starts
