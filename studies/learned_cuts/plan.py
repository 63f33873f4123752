"""The runs of a study, in the order in which they are worth most, and what they cost.

Five sets of runs, each an answer that the next one needs:

- ``time``: every arm at its own learning rate, for as many CPU seconds;
- ``short``: the same for a share of them, from which the slope follows;
- ``work``: the same for as many operations as the reference arm does in its time;
- ``rates``: the other learning rates, for the time. ``short`` and ``work`` are done again for an
  arm whose best rate is another one;
- ``seeds``: once all rates of a data set are there, more seeds of arms that are close to another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .costs import Cost
from .design import Arm, DataSet, Only, Study
from .ledger import Ledger
from .results import Result

PHASES = ("time", "short", "work", "rates", "seeds")
_ROUND = 5  # steps: runs of nearly equal length are one run


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        rate: a factor of the arm's own learning rate.
        seconds: CPU seconds that its training should take here; the rest of it is not counted.
    """

    data: DataSet
    arm: Arm
    steps: int
    rate: float
    seed: int
    seconds: float

    @property
    def name(self) -> str:
        """What it is, not which phase asks for it."""
        own = f"steps-{self.steps:06d}_rate-{self.rate:g}_seed-{self.seed}"
        return f"{self.data.name}/{self.arm.name}/{own}"

    def folder(self, state: Path) -> Path:
        """Where it lies."""
        return state / "runs" / self.name


class Plan:
    """What there is of a study, and what is missing.

    Args:
        state: the folder of runs and shards.
        ledger: the file of what was found.
    """

    def __init__(self, study: Study, state: Path, ledger: Path) -> None:
        self.study = study
        self.state = state
        self.ledger = Ledger(ledger, study)

    def result(self, run: Run | None) -> Result | None:
        """What a run that is complete has found."""
        return None if run is None else self.ledger.result(run.name, run.data, run.arm)

    def at_time(
        self, data: DataSet, arm: Arm, share: float = 1.0, rate: float | None = None, seed: int = -1
    ) -> Run | None:
        """An arm's run for the budget or a share of it, at its best rate; None: not measured."""
        cost = self.ledger.cost(data, arm)
        if cost is None:
            return None
        return self._run(data, arm, share * self.study.budget / cost.seconds, cost, rate, seed)

    def at_work(self, data: DataSet, arm: Arm) -> Run | None:
        """Its run for the work that the reference does in the budget; None: not measured."""
        cost = self.ledger.cost(data, arm)
        reference = self.ledger.cost(data, self.study.reference)
        if cost is None or reference is None:
            return None
        work = reference.flops * reference.batch * self.study.budget / reference.seconds
        return self._run(data, arm, work / (cost.flops * cost.batch), cost, None, -1)

    def _run(
        self, data: DataSet, arm: Arm, steps: float, cost: Cost, rate: float | None, seed: int
    ) -> Run:
        count = max(_ROUND, round(steps / _ROUND) * _ROUND)
        rate = self.best_rate(data, arm) if rate is None else rate
        seed = self.study.seeds[0] if seed < 0 else seed
        return Run(data, arm, count, rate, seed, count * cost.seconds)

    def best_rate(self, data: DataSet, arm: Arm) -> float:
        """Of those that were tried at equal time, by the half of the held-out part to choose by."""
        tried = self.tried(data, arm)
        return min(tried, key=lambda rate: tried[rate]) if tried else self.study.rates[0]

    def tried(self, data: DataSet, arm: Arm) -> dict[float, float]:
        """Bits of each rate that was tried at equal time, with the first seed."""
        runs = {rate: self.at_time(data, arm, rate=rate) for rate in self.study.rates}
        found = {rate: self.result(run) for rate, run in runs.items()}
        return {rate: one.bits for rate, one in found.items() if one is not None}

    def close_arms(self, data: DataSet) -> list[Arm]:
        """Arms that are within ``close`` bits of another one; none before all rates are there."""
        arms = self.study.arms_of(data)
        bits = [self.tried(data, arm) for arm in arms]
        if any(len(tried) < len(self.study.rates) for tried in bits):
            return []
        best = [min(tried.values()) for tried in bits]
        return [
            arm
            for k, arm in enumerate(arms)
            if any(
                abs(best[k] - other) < self.study.close for j, other in enumerate(best) if j != k
            )
        ]

    def runs(self, data: DataSet, arm: Arm, phase: str) -> list[Run]:
        """Those of an arm that are known in a phase, done or not; none where it is not measured."""
        if phase == "time":
            found = [self.at_time(data, arm, rate=self.study.rates[0])]
        elif phase == "short":
            found = [self.at_time(data, arm, share=self.study.short)]
        elif phase == "work":
            found = [self.at_work(data, arm)]
        elif phase == "rates":
            found = [self.at_time(data, arm, rate=rate) for rate in self.study.rates[1:]]
        elif arm in self.close_arms(data):
            found = [self.at_time(data, arm, seed=seed) for seed in self.study.seeds[1:]]
        else:
            found = []
        return [run for run in found if run is not None]

    def all_runs(self, only: Only) -> Iterator[tuple[str, Run]]:
        """Every run that is known, each once, in the order of work, with its phase."""
        seen: set[Run] = set()
        for phase in [phase for phase in PHASES if not only.phases or phase in only.phases]:
            for data, arm in only.pairs(self.study):
                for run in self.runs(data, arm, phase):
                    if run not in seen:
                        seen.add(run)
                        yield phase, run

    def missing(self, only: Only) -> Iterator[tuple[str, Run]]:
        """Those that are not complete."""
        return ((phase, run) for phase, run in self.all_runs(only) if self.result(run) is None)

    def unmeasured(self, only: Only) -> list[tuple[DataSet, Arm]]:
        """What has no cost yet; a data set needs that of the reference too."""
        pairs: dict[tuple[DataSet, Arm], None] = {}
        for data, arm in only.pairs(self.study):
            pairs |= {(data, self.study.reference): None, (data, arm): None}
        return [pair for pair in pairs if self.ledger.cost(*pair) is None]

    def is_complete(self, data: DataSet) -> bool:
        """Whether a data set has all of its runs, so that nothing of it is still chosen."""
        whole = Only(frozenset([data.name]))
        return not self.unmeasured(whole) and next(self.missing(whole), None) is None
