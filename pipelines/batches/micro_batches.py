"""Sequences taken together: as many as a bound on their tokens allows, and never a part of one."""

from __future__ import annotations

import heapq
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


def shared_out(ends: Sequence[int], bound: int, processes: int = 1) -> list[list[int]]:
    """Share sequences out to micro-batches that have about as many tokens each.

    Their number is that of bounds in all tokens, rounded up to a multiple of the processes; where
    the sequences do not fit into so many, twice that, and so on. So it is the same for all numbers
    of processes that divide it.

    Args:
        ends: where the sequences end, in tokens.
        bound: tokens of a micro-batch, unless its only sequence is longer; 0: no bound.

    Returns:
        the sequence numbers of each, growing; empty ones last, where there are too few sequences.
    """
    lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    bound = max(bound or ends[-1], *lengths)
    fewest = -(-ends[-1] // bound)
    step = -(-fewest // processes) * processes
    longest_first = sorted(range(len(lengths)), key=lambda number: (-lengths[number], number))
    for count in range(step, step * (len(lengths) + 1) + 1, step):
        # Each to the one that has least so far (Graham 1969).
        shared: list[list[int]] = [[] for _ in range(count)]
        room = [(0, place) for place in range(count)]
        for number in longest_first:
            tokens, place = heapq.heappop(room)
            shared[place].append(number)
            heapq.heappush(room, (tokens + lengths[number], place))
        if max(room)[0] <= bound:
            break
    return [sorted(numbers) for numbers in shared]


def stretches(windows: Sequence[tuple[int, int]], edge: int) -> list[tuple[int, int]]:
    """Join stretches that follow each other, but at multiples of ``edge`` tokens."""
    joined = [windows[0]]
    for start, stop in windows[1:]:
        if start == joined[-1][1] and start % edge:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


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
