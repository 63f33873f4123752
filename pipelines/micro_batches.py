"""Sequences taken together: as many as a bound on their tokens allows, and never a part of one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


def runs(ends: Sequence[int], bound: int) -> list[int]:
    """Cut sequences that follow each other into as few runs as possible.

    Args:
        ends: where the sequences end, in tokens, growing from above 0.
        bound: tokens of a run. A longer sequence is a run of its own.

    Returns:
        sequence numbers 0 = b_0 < b_1 < ... = S where runs begin and end.
    """
    bounds, start = [0], 0
    while bounds[-1] < len(ends):
        last = max(bisect_right(ends, start + bound), bounds[-1] + 1)
        bounds.append(last)
        start = ends[last - 1]
    return bounds


def even_runs(ends: Sequence[int], bound: int, multiple: int = 1) -> list[int]:
    """Cut sequences into runs, of which the longest is as short as their number allows.

    There are as many runs as the bound asks for, rounded up to a multiple, or fewer where fewer do
    as well: some processes have one less then.

    Args:
        ends, bound: as for :func:`runs`; bound 0: all that there is.
        multiple: the number of processes.
    """
    total = ends[-1]
    fewest = len(runs(ends, bound or total)) - 1
    allowed = -(-fewest // multiple) * multiple
    low, high = -(-total // allowed), bound or total
    while low < high:
        middle = (low + high) // 2
        if len(runs(ends, middle)) - 1 <= allowed:
            high = middle
        else:
            low = middle + 1
    return runs(ends, high)


def spread(ends: Sequence[int], limit: int) -> list[int]:
    """Numbers of sequences of at most ``limit`` tokens together, evenly over all; one at least.

    They are chosen by their number alone, so that long and short ones are taken alike.
    """
    count, total = len(ends), ends[-1]
    if limit >= total:
        return list(range(count))
    lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    wanted = max(1, count * limit // total)
    while True:
        chosen = [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]
        tokens = sum(lengths[number] for number in chosen)
        if tokens <= limit or wanted == 1:
            return chosen
        wanted = max(1, min(wanted - 1, wanted * limit // tokens))
