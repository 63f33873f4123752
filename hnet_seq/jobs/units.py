"""What processes share out: consecutive parts of the input, by expected cost.

Parts and units depend on the input and the options alone, never on the number of processes, and no
forward call reaches over the end of a part. So whoever computes a unit, and in whatever order,
gives its bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from pipelines.progress import progress_bar

Item = TypeVar("Item")

MAX_UNITS = 4096  # each is a folder for a while
MIN_TOKENS = 1 << 18  # of a unit, where the input has more: a folder costs some milliseconds


@dataclass(frozen=True)
class Unit:
    """Consecutive parts that one process computes.

    Attributes:
        index: of the unit; units in order are the input in order.
        parts, items, tokens: how many.
        cost: expected, in any unit.
    """

    index: int
    parts: int
    items: int
    tokens: int
    cost: float

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"unit-{self.index:05d}"


def units_of(
    parts: Iterable[Sequence[Item]],
    length: Callable[[Item], int],
    cost: Callable[[int], float] = float,
    *,
    progress: bool = False,
) -> list[Unit]:
    """Units of whole parts: at most ``MAX_UNITS``, of ``MIN_TOKENS`` or more but the last.

    The pass over the input finds what is wrong with it before anything is computed.

    Args:
        length: tokens of an item.
        cost: expected, of an item of so many tokens.
        progress: show a bar.
    """
    units: list[Unit] = []
    least = MIN_TOKENS
    own = Unit(0, 0, 0, 0, 0.0)
    with progress_bar("check", None, unit="token", progress=progress) as bar:
        for part in parts:
            lengths = [length(item) for item in part]
            own = _joined(own, Unit(0, 1, len(part), sum(lengths), sum(map(cost, lengths))))
            bar.update(sum(lengths))
            if own.tokens < least:
                continue
            units.append(own)
            own = Unit(0, 0, 0, 0, 0.0)
            if len(units) == MAX_UNITS:
                least *= 2
                pairs = zip(units[::2], [*units[1::2], own], strict=False)
                units = [_joined(*pair) for pair in pairs]
    return [_joined(own, index=i) for i, own in enumerate([*units, own] if own.parts else units)]


def _joined(*units: Unit, index: int = 0) -> Unit:
    parts, items, tokens = (
        sum(getattr(unit, name) for unit in units) for name in ("parts", "items", "tokens")
    )
    return Unit(index, parts, items, tokens, sum(unit.cost for unit in units))


class PartsOfUnits(Generic[Item]):
    """Parts of units, asked for in any order: in that of the input they are read in one go."""

    def __init__(self, read: Callable[[], Iterator[Sequence[Item]]], units: Sequence[Unit]) -> None:
        self._read = read
        self._units = units
        self._parts: Iterator[Sequence[Item]] = iter(())
        self._next = len(units)  # index of the unit whose parts come next
        self._own: Iterator[Sequence[Item]] = iter(())

    def of(self, unit: Unit) -> Iterator[Sequence[Item]]:
        """The parts of a unit; to be taken before those of another are asked for."""
        if unit.index < self._next:
            self._parts, self._next = self._read(), 0
        else:
            _skip(self._own)
        _skip(islice(self._parts, sum(own.parts for own in self._units[self._next : unit.index])))
        self._own, self._next = islice(self._parts, unit.parts), unit.index + 1
        return self._own


def _skip(parts: Iterable[object]) -> None:
    for _ in parts:
        pass


def deal(costs: Sequence[float], world: int) -> list[int]:
    """The rank of each unit: the longest first, each to the rank that has least.

    Graham 1969, "Bounds on multiprocessing timing anomalies": at most 4/3 of the best makespan.
    Ties go to the lower number, so that every rank finds the same.
    """
    loads = [(0.0, rank) for rank in range(world)]
    ranks = [0] * len(costs)
    for index in sorted(range(len(costs)), key=lambda index: (-costs[index], index)):
        load, rank = heapq.heappop(loads)
        ranks[index] = rank
        heapq.heappush(loads, (load + costs[index], rank))
    return ranks
