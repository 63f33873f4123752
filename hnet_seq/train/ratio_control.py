"""The ratio loss over a run: scheduled targets and weights, and a controller that holds the ratio.

The loss alone is proportional control. At its rest point its pull equals the push of the cross
entropy towards more or fewer chunks, so the achieved ratio misses the target by an amount that
grows as the weight shrinks. The controller adds the integral: as long as chunks come out shorter
than asked, the target that the loss is given grows, and the other way round. With
N' = 1 + (N - 1) exp(u), every step changes u by GAIN log(N / achieved).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from hnet_seq.ratio_config import RatioLossConfig
from hnet_seq.train.ranks import summed_over_ranks

GAIN = 0.05
_LIMIT = 3.0  # of u: past it, the integral would only take longer to come back


@dataclass(frozen=True)
class RatioInForce:
    """What holds at one step, per stage from the outside in.

    Attributes:
        targets: tokens per chunk asked for.
        weights: of the ratio loss.
        loss_targets: the target given to the loss; differs from ``targets`` where it is held.
    """

    targets: list[float]
    weights: list[float]
    loss_targets: list[float]


class RatioControl:
    """Schedules, and the controller's integrals.

    Args:
        steps: of the whole run; schedules are in shares of them.

    Attributes:
        integrals: u of each stage, saved with checkpoints.
    """

    def __init__(self, config: RatioLossConfig, steps: int) -> None:
        self.config = config
        self.steps = steps
        self.integrals = [0.0] * len(config.targets)

    def in_force(self, step: int) -> RatioInForce:
        """Targets and weights of optimiser step ``step`` (0-based)."""
        config, at = self.config, step / self.steps
        targets = _along([(p.at, p.targets) for p in config.target_schedule], at, config.targets)
        weights = _along([(p.at, p.weights) for p in config.weight_schedule], at, config.weights)
        given = [
            1 + (target - 1) * math.exp(u)
            for target, u in zip(targets, self.integrals, strict=True)
        ]
        return RatioInForce(targets, weights, given if config.hold else targets)

    def update(self, step: int, counts: Tensor) -> None:
        """Take note of what step ``step`` achieved; the same on all processes.

        Args:
            counts: (stages, 2) positions and boundaries of this process.
        """
        if not self.config.hold:
            return
        targets = self.in_force(step).targets
        for s, (positions, chunks) in enumerate(summed_over_ranks(counts).tolist()):
            u = self.integrals[s] + GAIN * math.log(targets[s] * chunks / positions)
            self.integrals[s] = min(_LIMIT, max(-_LIMIT, u))


def _along(
    points: Sequence[tuple[float, list[float]]], at: float, constant: list[float]
) -> list[float]:
    """Values at a place on straight lines between points; before the first, the first's."""
    if not points:
        return list(constant)
    if at <= points[0][0]:
        return list(points[0][1])
    for (left, a), (right, b) in pairwise(points):
        if at < right:
            part = (at - left) / (right - left)
            return [x + part * (y - x) for x, y in zip(a, b, strict=True)]
    return list(points[-1][1])
