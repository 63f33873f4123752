"""Sequences in parts, so that what is computed of a part has a bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def parts(sequences: Sequence[NDArray[np.uint8]], bases: int) -> Iterator[tuple[int, int]]:
    """Begin and end of runs of sequences with about ``bases`` bases; a longer one is its own."""
    begin = held = 0
    for index, sequence in enumerate(sequences):
        if held and held + len(sequence) > bases:
            yield begin, index
            begin, held = index, 0
        held += len(sequence)
    if sequences:
        yield begin, len(sequences)
