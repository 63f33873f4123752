"""How far sequences are from one of them: substitutions, or edits where lengths differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def reference_of(sequences: Sequence[np.ndarray]) -> tuple[np.ndarray, str]:
    """What mutants were probably made from, and its name.

    The most common letter at each position where all lengths are equal; else the most common
    sequence, the first of equals.
    """
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) == 1:
        stacked = np.stack(list(sequences))
        counts = np.stack([(stacked == letter).sum(0) for letter in range(5)])
        return counts.argmax(0).astype(np.uint8), "consensus"
    counted = Counter(sequence.tobytes() for sequence in sequences)
    return np.frombuffer(counted.most_common(1)[0][0], np.uint8), "most common sequence"


def edits_from(reference: np.ndarray, sequences: Sequence[np.ndarray]) -> NDArray[np.int64]:
    """(N,) substitutions where lengths are equal, else insertions, deletions and substitutions."""
    return np.array(
        [
            int(np.count_nonzero(sequence != reference))
            if len(sequence) == len(reference)
            else edit_distance(reference.tobytes(), sequence.tobytes())
            for sequence in sequences
        ],
        np.int64,
    )


def edit_distance(one: bytes, two: bytes) -> int:
    """Levenshtein's, a column of the table at a time in the bits of one number (Myers 1999)."""
    if not one:
        return len(two)
    full, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    where: dict[int, int] = {}
    for place, letter in enumerate(one):
        where[letter] = where.get(letter, 0) | 1 << place
    rises, falls, distance = full, 0, len(one)
    for letter in two:
        equal = where.get(letter, 0)
        diagonal = (((equal & rises) + rises) ^ rises) | equal | falls
        up, down = falls | ~(diagonal | rises) & full, diagonal & rises
        distance += bool(up & last) - bool(down & last)
        up, down = up << 1 | 1, down << 1
        rises, falls = (down | ~(diagonal | up)) & full, up & diagonal & full
    return distance
