"""Words of DNA that do not know their strand: a word and its reverse complement are one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LONGEST = 31  # bases: two bits each, in an int64


def canonical_words(
    sequence: NDArray[np.uint8], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes of the words of ``size`` bases in a sequence, in its order, and where they start.

    The lesser of a word's code and of its reverse complement's: 2 bits a base, the first highest.
    Words that hold an N are left out.

    Args:
        sequence: (L,) tokens, base 0..3; anything above is in no word.
        size: 1 to 31.
    """
    assert 1 <= size <= _LONGEST
    count = len(sequence) - size + 1
    if count < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    known = sequence < 4
    forward, reverse = _codes(np.where(known, sequence, 0).astype(np.int64), size)
    unknown = np.concatenate([[0], np.cumsum(~known)])
    starts = np.flatnonzero(unknown[size:] == unknown[:count])
    return np.minimum(forward, reverse)[starts], starts


def _codes(bases: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the words of both strands: a word is two of half its size, and a base if it is odd."""
    if size == 1:
        return bases, 3 - bases
    half = size // 2
    forward, reverse = _codes(bases, half)
    forward = forward[:-half] << 2 * half | forward[half:]
    reverse = reverse[half:] << 2 * half | reverse[:-half]
    if size % 2:
        last = bases[size - 1 :]
        forward = forward[:-1] << 2 | last
        reverse = (3 - last) << 2 * (size - 1) | reverse[:-1]
    return forward, reverse


def mixed(words: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Codes as evenly spread 64-bit numbers, one to one (SplitMix64, Steele et al. 2014)."""
    spread = words.astype(np.uint64)
    spread += np.uint64(0x9E3779B97F4A7C15)
    spread ^= spread >> np.uint64(30)
    spread *= np.uint64(0xBF58476D1CE4E5B9)
    spread ^= spread >> np.uint64(27)
    spread *= np.uint64(0x94D049BB133111EB)
    spread ^= spread >> np.uint64(31)
    return spread
