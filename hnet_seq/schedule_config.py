"""Configuration of the learning rate over a run, also one whose end was moved on its way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

SCHEDULES = ("wsd", "cosine", "constant")


@dataclass
class ScheduleChange:
    """The end of a run was moved when so many steps were taken.

    Attributes:
        at: steps taken until then.
        of: what ``train.steps`` was until then.
    """

    at: int = 0
    of: int = 0


@dataclass
class ScheduleConfig:
    """Learning rate over the run, see :mod:`hnet_seq.train.schedule`.

    Attributes:
        name: ``wsd`` (stable, then decay), ``cosine`` or ``constant``, after a warm-up.
        warmup: share of the steps in which the rate rises to its peak.
        decay: share of the steps, the last ones, in which ``wsd`` falls.
        final: what the rate falls to, as a share of its peak.
        changes: written by a run that goes on with another ``train.steps``; not to be given.
    """

    name: str = "wsd"
    warmup: float = 0.1
    decay: float = 0.2
    final: float = 0.0
    changes: list[ScheduleChange] = field(default_factory=list)

    def validate(self) -> None:
        """Raise ValueError unless the values can be meant."""
        key = "train.schedule"
        if self.name not in SCHEDULES:
            raise ValueError(f"{key}.name: {self.name!r} is not one of {', '.join(SCHEDULES)}")
        for name in ("warmup", "decay", "final"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{key}.{name}: expected at least 0; got {value}")
        if self.warmup + self.decay > 1:
            raise ValueError(f"{key}: warmup and decay must together be at most 1")
        places = [change.at for change in self.changes]
        if any(a >= b for a, b in pairwise(places)) or any(
            not 0 <= change.at <= change.of for change in self.changes
        ):
            raise ValueError(f"{key}.changes: are written by the run; got {self.changes}")
