"""The ratio loss over a run: scheduled targets and weights, and a controller that holds the ratio.

At the rest point of training the pull of the ratio loss equals the push of the cross entropy
towards more or fewer chunks, so the achieved ratio misses the target by what the weight allows. The
controller raises the weight as long as the ratio is off by more than it tolerates, and lowers it,
never below the configured one, while the ratio is right. With e a moving average over steps of
log(achieved / target), every step changes the logarithm of the weight by GAIN (|e| - TOLERANCE).

Acting on the target given to the loss instead removes the whole error without a large weight, but
swings: see docs/ratio.md for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from hnet_seq.ratio_config import RatioLossConfig
from hnet_seq.train.ranks import summed_over_ranks

GAIN = 0.6
TOLERANCE = 0.01
HEAVIEST = 5.0  # weight: beyond it the ratio would be all that is learned
_MEMORY = 0.9  # of the moving average, a step
_LARGEST = 0.25  # error of one step: the first steps of a run may be off by factors


@dataclass(frozen=True)
class RatioInForce:
    """What holds at one step, per stage from the outside in.

    Attributes:
        targets: tokens per chunk.
        weights: of the ratio loss; the mean, where groups have weights of their own.
        of_groups: per stage those of each group of sequences; None where all have ``weights``.
    """

    targets: list[float]
    weights: list[float]
    of_groups: list[list[float]] | None = None


class RatioControl:
    """Schedules, and the controller.

    Args:
        steps: of the whole run; schedules are in shares of them.
        groups: of sequences that are held by themselves.

    Attributes:
        errors: moving average of log(achieved / target) of each stage, and in it of each group.
        raised: logarithm of the factor by which each weight is raised, at least 0.
    """

    def __init__(self, config: RatioLossConfig, steps: int, groups: int = 1) -> None:
        self.config = config
        self.steps = steps
        self.groups = groups
        self.errors = [0.0] * len(config.targets) * groups
        self.raised = [0.0] * len(config.targets) * groups

    def state(self) -> dict[str, list[float]]:
        """Plain values for a checkpoint; :meth:`restore` reads them."""
        return {"errors": list(self.errors), "raised": list(self.raised)}

    def restore(self, state: dict[str, list[float]]) -> None:
        """Go on from what :meth:`state` gave."""
        self.errors, self.raised = list(state["errors"]), list(state["raised"])

    def in_force(self, step: int) -> RatioInForce:
        """Targets and weights of optimiser step ``step`` (0-based)."""
        config, at = self.config, step / self.steps
        targets = _along([(p.at, p.targets) for p in config.target_schedule], at, config.targets)
        weights = _along([(p.at, p.weights) for p in config.weight_schedule], at, config.weights)
        raised = [self.raised[s * self.groups :][: self.groups] for s in range(len(weights))]
        held = [[w * math.exp(u) for u in own] for w, own in zip(weights, raised, strict=True)]
        return RatioInForce(targets, [sum(own) / self.groups for own in held], held)

    def update(self, step: int, counts: Tensor) -> None:
        """Take note of what step ``step`` achieved; the same on all processes.

        Args:
            counts: (stages, 2) positions and boundaries of this process, or (stages, groups, 2).
        """
        if not self.config.hold:
            return
        force = self.in_force(step)
        assert force.of_groups is not None
        weights = [weight for own in force.of_groups for weight in own]
        for i, (positions, chunks) in enumerate(summed_over_ranks(counts).view(-1, 2).tolist()):
            if not positions:  # nothing of this group in the step
                continue
            error = math.log(positions / chunks / force.targets[i // self.groups])
            error = min(_LARGEST, max(-_LARGEST, error))
            self.errors[i] = _MEMORY * self.errors[i] + (1 - _MEMORY) * error
            configured = weights[i] / math.exp(self.raised[i])
            most = max(0.0, math.log(HEAVIEST / configured))
            raised = self.raised[i] + GAIN * (abs(self.errors[i]) - TOLERANCE)
            self.raised[i] = min(most, max(0.0, raised))


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
