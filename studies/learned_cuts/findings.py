"""What the runs say: a row for each arm, slopes, and where two of them would cross."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from .costs import Cost
from .design import Arm, DataSet
from .plan import Plan
from .results import Result

#: Against whom learned chunks are measured: by name, and by kind where the best of several counts.
RIVALS = ("fixed", "mamba2", "transformer", "tokenised")
_FAR = 20  # doublings: beyond a million times the budget a straight line says nothing


@dataclass(frozen=True)
class Row:
    """One arm on one data set.

    Attributes:
        cost: None where it was not measured.
        rate: the best one that was tried.
        tried: bits of each rate at equal time, with the first seed.
        time: what each seed found at equal time, at the best rate.
        work, short: at equal work, and in the short run; None where missing.
        open: whether the data set is complete, so that its test half may be looked at.
    """

    arm: Arm
    cost: Cost | None
    rate: float
    tried: dict[float, float]
    time: dict[int, Result]
    work: Result | None
    short: Result | None
    open: bool

    @property
    def bits(self) -> float | None:
        """Mean over seeds, at equal time."""
        return fmean(one.bits for one in self.time.values()) if self.time else None

    @property
    def test(self) -> float | None:
        """The same on the test half."""
        found = [one.test for one in self.time.values() if one.test is not None]
        return fmean(found) if self.open and found else None

    @property
    def slope(self) -> float | None:
        """Bits that a doubling of the budget takes off, from the short run to the whole one."""
        first = next(iter(self.time.values()), None)
        if self.short is None or first is None or self.short.letters >= first.letters:
            return None
        return (self.short.bits - first.bits) / math.log2(first.letters / self.short.letters)


def rows(plan: Plan, data: DataSet) -> list[Row]:
    """Of every arm, in the order of the file."""
    complete = plan.is_complete(data)
    return [_row(plan, data, arm, complete) for arm in plan.study.arms_of(data)]


def _row(plan: Plan, data: DataSet, arm: Arm, complete: bool) -> Row:
    seeds = {seed: plan.result(plan.at_time(data, arm, seed=seed)) for seed in plan.study.seeds}
    return Row(
        arm=arm,
        cost=plan.ledger.cost(data, arm),
        rate=plan.best_rate(data, arm),
        tried=plan.tried(data, arm),
        time={seed: one for seed, one in seeds.items() if one is not None},
        work=plan.result(plan.at_work(data, arm)),
        short=plan.result(plan.at_time(data, arm, share=plan.study.short)),
        open=complete,
    )


def best(found: list[Row], rival: str) -> Row | None:
    """The row with the fewest bits among those of a kind or name; None unless all of them ran."""
    own = [row for row in found if rival in (row.arm.kind, row.arm.name)]
    known = [(row.bits, k) for k, row in enumerate(own) if row.bits is not None]
    if not known or len(known) < len(own):
        return None
    return own[min(known)[1]]


@dataclass(frozen=True)
class Duel:
    """Learned chunks and a rival, at equal time.

    Attributes:
        gap: bits that learned chunks are behind; below 0 they are ahead.
        closing: bits by which a doubling of the budget makes that less; None: not known.
    """

    learned: Row
    rival: Row
    gap: float
    closing: float | None

    @property
    def crossing(self) -> float | None:
        """How many times the budget the straight lines cross at; None: nowhere near."""
        if self.gap <= 0:
            return 1.0
        if self.closing is None or self.closing <= 0 or self.gap / self.closing > _FAR:
            return None
        return 2.0 ** (self.gap / self.closing)


def duels(found: list[Row]) -> dict[str, Duel]:
    """With each rival whose arms all ran, by :data:`RIVALS`."""
    learned = best(found, "learned")
    against = {rival: best(found, rival) for rival in RIVALS}
    if learned is None:
        return {}
    return {name: duel(learned, rival) for name, rival in against.items() if rival is not None}


def duel(learned: Row, rival: Row) -> Duel:
    """Of two rows that have run."""
    assert learned.bits is not None
    assert rival.bits is not None
    closing = None
    if learned.slope is not None and rival.slope is not None:
        closing = learned.slope - rival.slope
    return Duel(learned, rival, learned.bits - rival.bits, closing)
