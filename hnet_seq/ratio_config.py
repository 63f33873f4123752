"""Configuration of the ratio loss: targets and weights, how they change, and who holds them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

STATISTICS = ("batch", "document", "ranks", "step", "source")


@dataclass
class TargetPoint:
    """Targets of all stages at a moment of the run.

    Attributes:
        at: share of the steps, from 0 to 1.
        targets: tokens per chunk, per stage from the outside in.
    """

    at: float = 0.0
    targets: list[float] = field(default_factory=list)


@dataclass
class WeightPoint:
    """Weights of all stages at a moment of the run.

    Attributes:
        at: share of the steps, from 0 to 1.
        weights: in the loss, per stage from the outside in.
    """

    at: float = 0.0
    weights: list[float] = field(default_factory=list)


@dataclass
class RatioLossConfig:
    """Per stage, from the outside in: target tokens per chunk, and weight in the loss.

    Attributes:
        targets: tokens per chunk where the run ends; learning rates follow these.
        weights: in the loss where the run ends.
        target_schedule: points on the way to ``targets``, straight lines between them: a
            curriculum. The last point has ``targets`` themselves and holds to the end.
        weight_schedule: the same for ``weights``.
        statistics: what the shares of the loss are taken over: ``batch``, a micro-batch (the
            paper); ``document``, each sequence, and the mean of their losses; ``ranks``, the
            micro-batches of all processes; ``step``, all of a step; ``source``, a step's part of
            each source.
        hold: raise the weights as far as it takes to hold the targets, see
            :mod:`hnet_seq.train.ratio_control`; ``weights`` are the least. With ``statistics:
            source`` each source has weights of its own.
    """

    targets: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    target_schedule: list[TargetPoint] = field(default_factory=list)
    weight_schedule: list[WeightPoint] = field(default_factory=list)
    statistics: str = "batch"
    hold: bool = False

    def validate(self, stages: int) -> None:
        """Raise ValueError unless the values fit a model of this many stages."""
        key = "train.ratio_loss"
        targets = [(point.at, point.targets) for point in self.target_schedule]
        weights = [(point.at, point.weights) for point in self.weight_schedule]
        _check_schedule(key, "targets", self.targets, targets, stages, above=1)
        _check_schedule(key, "weights", self.weights, weights, stages)
        if self.statistics not in STATISTICS:
            raise ValueError(
                f"{key}.statistics: {self.statistics!r} is not one of {', '.join(STATISTICS)}"
            )
        if self.hold and 0 in [
            w for values in (self.weights, *dict(weights).values()) for w in values
        ]:
            raise ValueError(
                f"{key}.hold: acts through the loss, so that every weight must be above 0"
            )


def _check_schedule(
    key: str,
    name: str,
    end: list[float],
    points: list[tuple[float, list[float]]],
    stages: int,
    above: float | None = None,
) -> None:
    """Raise ValueError unless all points fit the model and lead to ``end``."""
    schedule = f"{key}.{name.removesuffix('s')}_schedule"
    for place, values in ((f"{key}.{name}", end), *((schedule, values) for _, values in points)):
        if len(values) != stages:
            raise ValueError(f"{place}: expected {stages} {name}, one for each stage; got {values}")
        if above is not None and not all(above < value < math.inf for value in values):
            raise ValueError(f"{place}: {name} must be above {above:g}; got {values}")
        if not all(0 <= value < math.inf for value in values):
            raise ValueError(f"{place}: {name} must be 0 or more; got {values}")
    places = [at for at, _ in points]
    if not all(0 <= at <= 1 for at in places) or any(a >= b for a, b in pairwise(places)):
        raise ValueError(f"{schedule}: 'at' must grow, from 0 to at most 1; got {places}")
    if points and points[-1][1] != end:
        raise ValueError(
            f"{schedule}: ends with {points[-1][1]}, but {key}.{name} is {end}; make them equal"
        )
