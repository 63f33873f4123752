"""Sums between two lines of ``metrics.jsonl``; plain values, saved with checkpoints."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.statistics import BoundaryStatistics


@dataclass
class Interval:
    """What was seen since the last line.

    Attributes:
        nats, scored: summed cross entropy, and the tokens it was taken over.
        steps: optimiser steps; ``ratio_loss``, per stage, and ``penalty``, all stages by weight,
            are sums over them.
        splits: micro-batches that were computed in pieces.
        over_budget: sequences with more chunks than ``train.max_chunks``, computed whole.
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
        return {
            "loss": cross_entropy + self.penalty / self.steps,
            "cross_entropy": cross_entropy,
            "bits_per_token": cross_entropy / math.log(2),
            "learning_rate": self.learning_rate,
            "grad_norm": self.grad_norm,
            "stages": stages,
            "split_micro_batches": self.splits,
            "over_budget_sequences": self.over_budget,
            "seconds": round(self.seconds, 3),
            "tokens_per_second": round(self.tokens / self.seconds, 1),
        }
