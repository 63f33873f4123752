"""Test sequences that nearly stand in training: on either strand, with changes, or as a part.

Two sequences are compared by the words of 16 bases that they share, a word and its reverse
complement being one. Words are looked up in a sorted list, so the cost grows with the number of
words and not with the number of pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.similarity.parts import parts
from modalities.dna_words import canonical_words

WORD = 16  # bases: 32 bits, and two billion words, so that chance shares next to none
SHARE = 0.25  # of the shorter sequence's places: what 8% of substitutions leave, 0.92**16
# A word is looked up in this many training sequences only. A repeat that stands in more of them is
# still found in the first ones, and a thousand copies of it cost no million pairs.
_HOLDERS = 64
_MOST_WORDS = 20_000_000  # of train; beyond it words are sampled, by a hash, in both splits alike
_PART_BASES = 1 << 17  # at a time: the arrays of a part stay in the cache

_MIX = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hashing, with the golden ratio


class NearDuplicate(NamedTuple):
    """The training sequence most like one test sequence, by number, and the share in common."""

    test: int
    train: int
    share: float


def near_duplicates_within(sequences: Sequence[NDArray[np.uint8]]) -> Iterator[NearDuplicate]:
    """Sequences that are near duplicates of another of the same list, with the closest other."""
    yield from near_duplicates(sequences, sequences, same=True)


def near_duplicates(
    train: Sequence[NDArray[np.uint8]],
    test: Sequence[NDArray[np.uint8]],
    *,
    same: bool = False,
) -> Iterator[NearDuplicate]:
    """Test sequences with a training sequence that shares ``SHARE`` of the shorter one's words.

    The share counts different words of 16 bases against the places for words in the shorter of
    the two (its length less 15). A run of few words over and over, such as a microsatellite, so is
    never a near duplicate; a window that overlaps another by a quarter is. Sequences below 16
    bases have no words. Base tokens are 0..3, anything above is in no word.
    """
    total = sum(max(0, len(sequence) - WORD + 1) for sequence in train)
    keep = min(1.0, _MOST_WORDS / max(1, total))
    words, holders = _first_holders(*_held_words(train, 0, keep))
    places = [
        np.array([max(1, len(sequence) - WORD + 1) for sequence in split], np.int64)
        for split in (train, test)
    ]
    for begin, end in parts(test, _PART_BASES):
        sought, seekers = _held_words(test[begin:end], begin, keep)
        first = np.searchsorted(words, sought, side="left")
        count = np.searchsorted(words, sought, side="right") - first
        hit = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        pairs, shared = _runs(np.sort(np.repeat(seekers, count) * len(train) + holders[hit]))
        one, other = np.divmod(pairs, max(1, len(train)))
        if same:
            apart = one != other
            one, other, shared = one[apart], other[apart], shared[apart]
        share = np.minimum(1.0, shared / keep / np.minimum(places[1][one], places[0][other]))
        order = np.lexsort((other, -share, one))
        _, rivals = _runs(one)
        best = order[np.cumsum(rivals) - rivals]
        for index in best[share[best] >= SHARE]:
            yield NearDuplicate(int(one[index]), int(other[index]), float(share[index]))


def _held_words(
    sequences: Sequence[NDArray[np.uint8]], number: int, keep: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Words and the numbers, from ``number`` on, of the sequences that hold them, sorted by both.

    Each pair once. ``keep``: the share of all words that is looked at.
    """
    pairs = [np.zeros(0, np.int64)]
    for begin, end in parts(sequences, _PART_BASES):
        # An unknown base between two sequences keeps words from reaching over.
        apart = [np.append(sequence, np.uint8(4)) for sequence in sequences[begin:end]]
        words, starts = canonical_words(np.concatenate(apart), WORD)
        owners = np.repeat(np.arange(begin, end), [len(sequence) for sequence in apart])[starts]
        if keep < 1:
            kept = (words.astype(np.uint64) + np.uint64(1)) * _MIX < np.uint64(keep * 2.0**64)
            words, owners = words[kept], owners[kept]
        pairs.append(words << 31 | (owners + number))  # 32 and 31 bits: one sort for both
    found, _ = _runs(np.sort(np.concatenate(pairs)))
    return found >> 31, found & ((1 << 31) - 1)


def _first_holders(
    words: NDArray[np.int64], holders: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each word the first ``_HOLDERS`` sequences."""
    _, copies = _runs(words)
    rank = np.arange(len(words)) - np.repeat(np.cumsum(copies) - copies, copies)
    return words[rank < _HOLDERS], holders[rank < _HOLDERS]


def _runs(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Different values of a sorted array, and how often each stands there."""
    # Not np.unique: it hashes, five times slower than the sort for millions of values.
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
    return values[starts], np.diff(np.append(starts, len(values)))
