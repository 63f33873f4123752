"""What ranks share out: consecutive parts of the input, by expected cost.

Units depend on the input and the options alone, never on the number of ranks, and no forward call
reaches over the end of one. So whoever computes a unit, and in whatever order, gives its bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.flops import flops_per_token

MAX_UNITS = 4096  # each is a folder for a while
MIN_TOKENS = 1 << 18  # of a unit, where the input has more: a folder costs some milliseconds
_TOKENS_PER_CHUNK = 4.0  # of each stage; only attention inside makes relative costs depend on it
_SEQUENCE_TOKENS = 16  # what a sequence costs beside its tokens; benchmarks/load_balance.py


@dataclass(frozen=True)
class Part:
    """Consecutive items of the input that are computed together.

    Attributes:
        items: how many.
        tokens: of all.
        cost: expected, in any unit.
    """

    items: int
    tokens: int
    cost: float


@dataclass(frozen=True)
class Unit:
    """Consecutive parts that one rank computes.

    Attributes:
        index: of the unit; units in order are the input in order.
        parts: how many parts.
        items, tokens, cost: of all of them.
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


def units_of(parts: Sequence[Part]) -> list[Unit]:
    """Units of whole parts: at most about ``MAX_UNITS``, of ``MIN_TOKENS`` or more but the last."""
    total = sum(part.tokens for part in parts)
    least = max(MIN_TOKENS, -(-total // MAX_UNITS))
    units: list[Unit] = []
    own: list[Part] = []
    held = 0
    for part in parts:
        own.append(part)
        held += part.tokens
        if held >= least:
            units.append(_unit(len(units), own))
            own, held = [], 0
    if own:
        units.append(_unit(len(units), own))
    return units


def _unit(index: int, parts: list[Part]) -> Unit:
    items, tokens, cost = (
        sum(part.items for part in parts),
        sum(part.tokens for part in parts),
        sum(part.cost for part in parts),
    )
    return Unit(index, len(parts), items, tokens, cost)


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


def sequence_cost(config: HNetConfig, window: int | None = None) -> Callable[[int], float]:
    """Expected cost of a sequence by its tokens: operations of a forward pass.

    Args:
        window: positions that global attention may see, as of ``--attention-window``.
    """
    stages = len(config.d_model) - 1
    rates = [_TOKENS_PER_CHUNK] * stages
    # A window of the innermost positions is as costly as a causal sequence of twice as many.
    longest = None if window is None else 2 * window * prod(rates)

    @lru_cache(maxsize=1 << 12)
    def per_token(length: int) -> float:
        return flops_per_token(config, length if longest is None else min(length, longest), rates)

    def cost(tokens: int) -> float:
        # Two digits of the length: a corpus has as many lengths as sequences.
        digits = 10 ** max(0, len(str(tokens)) - 2)
        return (tokens + _SEQUENCE_TOKENS) * per_token(max(1, tokens // digits * digits))

    return cost


def call_groups(lengths: Iterable[int], batch_tokens: int) -> list[int]:
    """How many consecutive sequences each pass of :func:`hnet_seq.model.streaming.stream` takes.

    A pass is one call over whole sequences, or one sequence in pieces. A stream that begins at a
    group's first sequence makes the same calls from there on as one that began before it.
    """
    groups: list[int] = []
    waiting = held = 0
    for length in lengths:
        if waiting and held + length > batch_tokens:
            groups.append(waiting)
            waiting = held = 0
        if length > batch_tokens:
            groups.append(1)
        else:
            waiting += 1
            held += length
    return [*groups, waiting] if waiting else groups
