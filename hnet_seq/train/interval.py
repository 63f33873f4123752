"""Sums between two lines of ``metrics.jsonl``; plain values, saved with checkpoints."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from hnet_seq.train.ranks import world_size
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.statistics import BoundaryStatistics
from hnet_seq.train.step_report import StepReport


@dataclass
class Interval:
    """What was seen since the last line.

    Attributes:
        nats, scored: summed cross entropy, and the tokens it was taken over.
        steps: optimiser steps; ``ratio_loss``, per stage, and ``penalty``, all stages by weight,
            are sums over them.
        skipped: steps that the guard left out.
        splits: micro-batches that were computed in pieces.
        over_budget: sequences with more chunks than ``train.max_chunks``, computed whole.
        data_wait, busy: seconds, the longest and the mean of all processes, summed over steps:
            waiting for batches, and computing until processes wait for each other.
        grad_norm, learning_rate: of the last step.
    """

    boundaries: BoundaryStatistics
    ratio_loss: list[float]
    penalty: float = 0.0
    nats: float = 0.0
    scored: int = 0
    tokens: int = 0
    steps: int = 0
    seconds: float = 0.0
    splits: int = 0
    over_budget: int = 0
    skipped: int = 0
    data_wait: list[float] = dataclasses.field(default_factory=lambda: [0.0, 0.0])
    busy: list[float] = dataclasses.field(default_factory=lambda: [0.0, 0.0])
    grad_norm: float = 0.0
    learning_rate: float = 0.0

    @classmethod
    def of_stages(cls, stages: int) -> Interval:
        """Nothing seen yet."""
        return cls(BoundaryStatistics.of_stages(stages), [0.0] * stages)

    def state(self) -> dict[str, Any]:
        """Plain values; :meth:`from_state` reads them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Interval:
        """What :meth:`state` wrote."""
        return cls(**(state | {"boundaries": BoundaryStatistics(**state["boundaries"])}))

    def values(self) -> list[float]:
        """What the micro-batches of a step add to, in a row."""
        counts = [self.nats, self.scored, self.tokens, self.splits, self.over_budget]
        return [*counts, self.penalty, *self.ratio_loss, *self.boundaries.values()]

    def add(self, values: list[float]) -> None:
        """Add what :meth:`values` gave, or its sum over processes."""
        stages = len(self.ratio_loss)
        nats, scored, tokens, splits, over_budget, penalty = values[:6]
        self.nats += nats
        self.scored += int(scored)
        self.tokens += int(tokens)
        self.splits += int(splits)
        self.over_budget += int(over_budget)
        self.penalty += penalty
        rest = values[6:]
        self.ratio_loss = [a + b for a, b in zip(self.ratio_loss, rest[:stages], strict=True)]
        both = zip(self.boundaries.values(), rest[stages:], strict=True)
        self.boundaries = BoundaryStatistics.from_values([a + b for a, b in both])

    def note(self, report: StepReport, taken: bool) -> None:
        """Add a step of all processes; a loss that is not finite would spoil the means."""
        self.skipped += not taken
        if report.is_finite:
            self.add(report.sums)
            self.steps += 1
        if math.isfinite(report.norm):
            self.grad_norm = report.norm
        self.data_wait = [a + b for a, b in zip(self.data_wait, report.data_wait, strict=True)]
        self.busy = [a + b for a, b in zip(self.busy, report.busy, strict=True)]

    def record(self, goals: list[float], ratio: RatioInForce) -> dict[str, Any]:
        """Means for ``metrics.jsonl``.

        Args:
            goals: the targets that the run ends at.
            ratio: what held at the last step.
        """
        cross_entropy = self.nats / max(1, self.scored)
        stages = [
            {
                "target": goal,
                "target_in_force": ratio.targets[s],
                "weight": ratio.weights[s],
                **summary,
                "ratio_loss": self.ratio_loss[s] / self.steps,
            }
            for s, (goal, summary) in enumerate(zip(goals, self.boundaries.summary(), strict=True))
        ]
        record = {
            "loss": cross_entropy + self.penalty / self.steps,
            "cross_entropy": cross_entropy,
            "bits_per_token": cross_entropy / math.log(2),
            "learning_rate": self.learning_rate,
            "grad_norm": self.grad_norm,
            "stages": stages,
            "split_micro_batches": self.splits,
            "over_budget_sequences": self.over_budget,
            "skipped_steps": self.skipped,
            "seconds": round(self.seconds, 3),
            "tokens_per_second": round(self.tokens / self.seconds, 1),
        }
        if world_size() > 1:
            record["processes"] = {
                "count": world_size(),
                "data_wait_seconds": _longest_and_mean(self.data_wait),
                "busy_seconds": _longest_and_mean(self.busy),
            }
        return record


def _longest_and_mean(seconds: list[float]) -> dict[str, float]:
    longest, mean = seconds
    return {"longest": round(longest, 3), "mean": round(mean, 3)}
