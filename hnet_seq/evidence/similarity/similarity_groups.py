"""Groups of sequences that are nearly the same, so that a split can keep them together.

Near duplicates as in ``near_duplicates.py``: a quarter of the shorter one's words of 16 bases in
common, on either strand. A group is what a chain of them connects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnet_seq.connected import connected
from hnet_seq.evidence.similarity.near_duplicates import SHARE, WORD
from modalities.dna_words import canonical_words

# Where all pairs of a word's holders would be too many, it links each with the next ones only, this
# many at least. Copies share all their words, so that a chain of neighbours holds a thousand of
# them together without a million pairs.
_NEIGHBOURS = 128
_MOST_WORDS = 20_000_000  # beyond it words are sampled, by a hash
_MOST_PAIRS = 50_000_000  # of sequences, for all words; beyond it words are sampled too
_MIX = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hashing, with the golden ratio


class Similarity(NamedTuple):
    """What is similar among N sequences.

    Attributes:
        groups: (N,) group numbers; two near duplicates have one number, and so has what links them.
        neighbours: a word that more sequences hold was compared among each and the next so many of
            them, so that a pair whose words are all so common can be missed; None where every pair
            was compared.
    """

    groups: NDArray[np.int64]
    neighbours: int | None


def similarity_groups(sequences: Sequence[NDArray[np.uint8]]) -> Similarity:
    """Groups of near duplicates.

    Args:
        sequences: uint8 tokens, base 0..3, anything above is in no word. Sequences below 16 bases
            have no words: each is a group alone.
    """
    places = np.array([max(1, len(sequence) - WORD + 1) for sequence in sequences], np.int64)
    keep = min(1.0, _MOST_WORDS / max(1, int(places.sum())))
    words, holders = _holders(sequences, keep)
    return groups_of_words(words, holders, places, SHARE, keep=keep)


def groups_of_words(
    words: NDArray[np.int64],
    holders: NDArray[np.int64],
    places: NDArray[np.int64],
    share: float,
    *,
    keep: float = 1.0,
) -> Similarity:
    """Groups of N sequences that are linked where two share words.

    Args:
        words, holders: sorted by both; each word below 2**32 with a sequence that holds it, once.
        places: (N,) words that each sequence has, or has room for.
        share: of the lesser number of two sequences that links them.
        keep: the share of the words that is given.
    """
    count = len(places)
    copies = _copies(words)
    neighbours = _affordable(copies)
    pairs_to_come = _count_pairs(copies, neighbours)
    if pairs_to_come > _MOST_PAIRS:
        fewer = _MOST_PAIRS / pairs_to_come
        kept = _sampled(words, keep * fewer)
        words, holders, keep = words[kept], holders[kept], keep * fewer
    codes = np.concatenate([np.zeros(0, np.int64), *_pairs(words, holders, count, neighbours)])
    pairs, shared = np.unique(codes, return_counts=True)
    one, other = np.divmod(pairs, max(1, count))
    near = shared / keep >= share * np.minimum(places[one], places[other])
    groups = connected(count, one[near], other[near])
    return Similarity(groups, neighbours if (copies > neighbours + 1).any() else None)


def _holders(
    sequences: Sequence[NDArray[np.uint8]], keep: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Words and the sequences that hold them, sorted by both, each pair once."""
    pairs = [np.zeros(0, np.int64)]
    for number, sequence in enumerate(sequences):
        words, _ = canonical_words(sequence, WORD)
        if keep < 1:
            words = words[_sampled(words, keep)]
        pairs.append(words << 31 | number)  # 32 and 31 bits: one sort for both
    found = np.sort(np.concatenate(pairs))
    found = found[np.append(True, found[1:] != found[:-1])[: len(found)]]
    return found >> 31, found & ((1 << 31) - 1)


def _sampled(words: NDArray[np.int64], keep: float) -> NDArray[np.bool_]:
    return (words.astype(np.uint64) + np.uint64(1)) * _MIX < np.uint64(keep * 2.0**64)


def _copies(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many sequences hold each word."""
    starts = np.flatnonzero(np.append(True, words[1:] != words[:-1])[: len(words)])
    return np.diff(np.append(starts, len(words)))


def _affordable(copies: NDArray[np.int64]) -> int:
    """The most neighbours, ``_NEIGHBOURS`` or more, that give no more than ``_MOST_PAIRS``."""
    low, high = _NEIGHBOURS, max(_NEIGHBOURS, int(copies.max(initial=1)) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        if _count_pairs(copies, middle) <= _MOST_PAIRS:
            low = middle
        else:
            high = middle - 1
    return low


def _count_pairs(copies: NDArray[np.int64], neighbours: int) -> int:
    """How many :func:`_pairs` will give."""
    linked = np.minimum(copies - 1, neighbours)
    return int((linked * copies - linked * (linked + 1) // 2).sum())


def _pairs(
    words: NDArray[np.int64], holders: NDArray[np.int64], count: int, neighbours: int
) -> Iterator[NDArray[np.int64]]:
    """Codes of pairs of sequences, once for each word that they share."""
    first = np.arange(len(words))
    for distance in range(1, neighbours + 1):
        first = first[first + distance < len(words)]
        first = first[words[first] == words[first + distance]]
        if not len(first):
            return
        yield holders[first] * count + holders[first + distance]
