"""Steps whose gradient is not to be trusted are left out, and too many in a row end the run."""

from __future__ import annotations

import math
from typing import Any

from hnet_seq.parallel_config import GuardConfig

_MEMORY = 0.98  # of the moving average, a step
_WARMUP = 20  # steps before a norm can be a spike: the first ones fall by factors


class Guard:
    """Decides by the norm and what was before, so alike in every process.

    Args:
        remedy: what the message of the end says to do.

    Attributes:
        average: moving average of the norms that were taken.
        taken: how many they are.
        in_a_row: steps left out since the last that was taken.
    """

    def __init__(
        self,
        config: GuardConfig,
        remedy: str = "lower train.optimizer.learning_rate or lengthen train.schedule.warmup",
    ) -> None:
        self.config = config
        self.remedy = remedy
        self.average = 0.0
        self.taken = 0
        self.in_a_row = 0

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint; :meth:`restore` reads them."""
        return {"average": self.average, "taken": self.taken, "in_a_row": self.in_a_row}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.average, self.taken = state["average"], state["taken"]
        self.in_a_row = state["in_a_row"]

    def takes(self, norm: float, step: int) -> bool:
        """Whether to take a step with this gradient norm (before clipping).

        Args:
            step: its number from 1, for the message.

        Raises:
            FloatingPointError: it is not the first in a row that cannot be taken.
        """
        spike = self.config.spike and self.taken >= _WARMUP and norm > self.limit
        if math.isfinite(norm) and not spike:
            self.taken += 1
            # The mean of all norms at first.
            weight = max(1 - _MEMORY, 1 / self.taken)
            self.average += weight * (norm - self.average)
            self.in_a_row = 0
            return True
        self.in_a_row += 1
        if self.in_a_row >= self.config.stop_after:
            found = f"{norm:g} against {self.average:g} on average" if spike else "not finite"
            before = f" for {self.in_a_row} steps in a row" if self.in_a_row > 1 else ""
            raise FloatingPointError(f"step {step}: the gradient is {found}{before}; {self.remedy}")
        return False

    @property
    def limit(self) -> float:
        """The largest norm that is no spike."""
        return self.config.spike * self.average
