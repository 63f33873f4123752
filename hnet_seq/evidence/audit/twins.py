"""Sequences of which one may have been made from the other: shuffles, and segments kept in place.

Negatives that were made from positives share with them what was kept: a shuffle its letters, or its
dinucleotides with its ends; a sequence of which parts were replaced (as in DeePromoter, Oubounyt et
al., Front. Genet. 10:286, 2019) the others at their places. Such pairs have two labels, where
relatives have one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.pool import Pool, word_counts
from hnet_seq.results.audited import Twins

_SHORTEST = 20  # bases: shorter ones share their letters by chance
_MOST_ALIKE = 0.6  # equal places of two shuffles; natural sequences that are so alike are relatives
_LEAST_ALIKE = 0.4  # equal places of two with segments in common; a quarter is chance
SEGMENT = 12  # bases of a segment
_SEGMENTS = 3  # of them at their places
_PLACES = 200  # that are looked at; of longer sequences each second, third ...
_LARGEST = 20  # sequences with one word at a place: more are a motif
_LARGEST_GROUP = 50
_COMPARED = 1 << 23  # bases at a time
_SPREAD = np.random.default_rng(0x7717).integers(1, 1 << 62, 64) | 1  # for hashes of counts


def find_twins(pool: Pool) -> list[Twins]:
    """Pairs of each kind, where there are some."""
    shuffles, segments = _shuffled(pool), _in_place(pool)
    letters = _unlike(pool, _pairs_of_equals(*_letters(pool), _LARGEST_GROUP))
    found = [
        _twins("dinucleotides", pool, shuffles, _by_chance(pool)),
        _twins("letters", pool, letters, _as_within(pool, letters)),
        _twins("segments", pool, segments, _by_chance(pool)),
    ]
    return [each for each in found if each["pairs"]]


def opposite_twins(pool: Pool) -> list[tuple[int, int]]:
    """Pairs under two labels, of dinucleotides and of segments: chance makes next to none."""
    pairs = np.concatenate([_shuffled(pool), _in_place(pool)])
    opposite = pairs[pool.labels[pairs[:, 0]] != pool.labels[pairs[:, 1]]]
    return [(one, other) for one, other in opposite.tolist()]


def _shuffled(pool: Pool) -> NDArray[np.int64]:
    """(M, 2) pairs with equal dinucleotides and ends."""
    counts = word_counts(pool.sequences, 2)
    ends = np.array(
        [int(each[0]) * 8 + int(each[-1]) if len(each) else 0 for each in pool.sequences], np.int64
    )
    keys = (counts * _SPREAD[:16]).sum(1) + ends * _SPREAD[16] + pool.lengths
    usable = (pool.lengths >= _SHORTEST) & (counts.sum(1) == pool.lengths - 1)
    return _unlike(pool, _pairs_of_equals(keys, usable, _LARGEST_GROUP))


def _letters(pool: Pool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N,) the same for sequences with equal letters; whether all of them are known."""
    counts = word_counts(pool.sequences, 1)
    keys = (counts * _SPREAD[:4]).sum(1) + pool.lengths
    return keys, (pool.lengths >= _SHORTEST) & (counts.sum(1) == pool.lengths)


def _pairs_of_equals(
    keys: NDArray[np.int64], usable: NDArray[np.bool_], largest: int
) -> NDArray[np.int64]:
    """(M, 2) all pairs of equal keys, in groups of at most ``largest``."""
    numbers = np.flatnonzero(usable)
    numbers = numbers[np.argsort(keys[numbers], kind="stable")]
    ordered = keys[numbers]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    sizes = np.diff(np.append(begins, len(ordered)))
    pairs = [np.zeros((0, 2), np.int64)]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= largest)]):
        one, other = np.triu_indices(int(size), 1)
        first = begins[sizes == size][:, None]
        pairs.append(np.stack([numbers[first + one].ravel(), numbers[first + other].ravel()], 1))
    return np.sort(np.concatenate(pairs), 1)


def _equal_places(pool: Pool, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """(M,) share of equal places of pairs of one length."""
    alike = np.zeros(len(pairs))
    lengths = pool.lengths[pairs[:, 0]]
    for length in np.unique(lengths).tolist():
        chosen = np.flatnonzero(lengths == length)
        members, rows = np.unique(pairs[chosen], return_inverse=True)
        rows = rows.reshape(-1, 2)
        tokens = np.stack([pool.sequences[i] for i in members])
        step = max(1, _COMPARED // max(1, length))
        for begin in range(0, len(chosen), step):
            one, other = rows[begin : begin + step].T
            equal = (tokens[one] == tokens[other]).mean(1)
            alike[chosen[begin : begin + step]] = equal
    return alike


def _unlike(pool: Pool, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    return pairs[_equal_places(pool, pairs) < _MOST_ALIKE]


def _in_place(pool: Pool) -> NDArray[np.int64]:
    """(M, 2) pairs of one length with segments in common, each at its place."""
    count = len(pool.sequences)
    tokens = np.concatenate([np.zeros(0, np.uint8), *pool.sequences])
    starts = np.cumsum(pool.lengths) - pool.lengths
    places = max(0, int(pool.lengths.max(initial=0)) - SEGMENT + 1)
    found = [np.zeros(0, np.int64)]
    for place in range(0, places, max(1, -(-places // _PLACES))):
        members = np.flatnonzero(pool.lengths >= place + SEGMENT)
        keys = pool.lengths[members]
        known = np.ones(len(members), bool)
        for base in range(place, place + SEGMENT):
            own = tokens[starts[members] + base]
            known &= own < 4
            keys = keys << 2 | (own & 3)
        one, other = members[_pairs_of_equals(keys, known, _LARGEST)].T
        found.append(one * count + other)
    both, often = np.unique(np.concatenate(found), return_counts=True)
    pairs = np.stack(np.divmod(both[often >= _SEGMENTS], max(1, count)), 1)
    alike = _equal_places(pool, pairs)
    return pairs[(alike >= _LEAST_ALIKE) & (alike < 1)]


def _by_chance(pool: Pool) -> float:
    """How often two sequences have two labels."""
    shares = np.bincount(pool.labels) / max(1, len(pool.labels))
    return float(1 - (shares**2).sum())


def _as_within(pool: Pool, pairs: NDArray[np.int64]) -> float:
    """The same, of pairs that chance makes: those of one label tell how many of two there would be.

    Of short sequences many have equal letters.
    """
    same = pool.labels[pairs[:, 0]] == pool.labels[pairs[:, 1]]
    apart = _by_chance(pool)
    by_chance = same.sum() * apart / max(1e-9, 1 - apart)
    return min(1.0, float(by_chance / max(1, len(pairs))))


def _twins(
    kind: Literal["dinucleotides", "letters", "segments"],
    pool: Pool,
    pairs: NDArray[np.int64],
    by_chance: float,
) -> Twins:
    opposite = pairs[pool.labels[pairs[:, 0]] != pool.labels[pairs[:, 1]]]
    members = np.unique(opposite)
    over = pairs[pool.split[pairs[:, 0]] != pool.split[pairs[:, 1]]].ravel()
    tested = np.unique(over[pool.split[over] == "test"])
    return Twins(
        kind=kind,
        pairs=len(pairs),
        opposite=len(opposite),
        expected=round(by_chance * len(pairs), 1),
        sequences=len(members),
        test=int((pool.split[members] == "test").sum()),
        over=len(tested),
        example=pool.labelled(*opposite[0].tolist()) if len(opposite) else [],
    )
