"""Learning-rate schedules as functions of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hnet_seq.config import TrainConfig
from hnet_seq.schedule_config import ScheduleConfig


@dataclass(frozen=True)
class Course:
    """The rate from one change of ``train.steps`` to the next; the first begins the run.

    Steps are 0-based, rates are factors of the peak.

    Attributes:
        begin: its first step.
        before: the rate of the step before, 0 at the beginning of the run.
        top: the first step at the peak, unless the rate has fallen again by then.
        fall: the first step from which the rate falls.
        steps: of the whole run, as planned in this part.
    """

    begin: int
    before: float
    top: int
    fall: int
    steps: int

    def factor(self, step: int, schedule: ScheduleConfig) -> float:
        """The rate of a step of this part."""
        if step < self.top:
            rise = (1 - self.before) * (step - self.begin + 1) / (self.top - self.begin)
            return self.before + rise
        if schedule.name == "constant":
            return 1.0
        since, length = step - self.fall, self.steps - self.fall
        if schedule.name == "cosine":
            shape = (1 + math.cos(math.pi * (since / max(1, length)))) / 2
        else:
            shape = 1.0 if since < 0 else 1 - math.sqrt(since / length)
        return schedule.final + (1 - schedule.final) * shape


def learning_rate_factor(step: int, steps: int, schedule: ScheduleConfig) -> float:
    """Factor of the peak rate at optimiser step ``step`` (0-based) of ``steps``.

    ``wsd``: linear warm-up, stable, then 1 - sqrt decay (Haegele et al. 2024). ``cosine``: linear
    warm-up, then half a cosine. Both end at ``final``. ``constant``: linear warm-up only.

    Where ``steps`` was changed on the way, the steps that were taken keep their rates. If the rate
    had fallen by then it rises again in a straight line (Ibrahim et al. 2024, "re-warming"), in the
    same share of the steps to come as the warm-up had of all; else it stays. It then falls as a run
    of that many steps from the beginning does, or in the steps that are left.
    """
    return course(step, steps, schedule).factor(step, schedule)


def course(step: int, steps: int, schedule: ScheduleConfig) -> Course:
    """The part of the run that a step lies in."""
    changes = [change for change in schedule.changes if change.at > 0]
    past = [change.at for change in changes if change.at <= step]
    planned = next((change.of for change in changes if change.at > step), steps)
    warmup = round(schedule.warmup * first_plan(steps, schedule))
    begin, before, top = 0, 0.0, warmup
    decay = round(schedule.decay * planned)
    if past:
        begin = past[-1]
        before = learning_rate_factor(begin - 1, steps, schedule)
        if begin >= warmup:
            fallen = before < 1 - 1e-9
            top = begin + (round(schedule.warmup * (planned - begin)) if fallen else 0)
        decay = max(0, min(decay, planned - top))
    return Course(
        begin, before, top, top if schedule.name == "cosine" else planned - decay, planned
    )


def first_plan(steps: int, schedule: ScheduleConfig) -> int:
    """``train.steps`` as the run began with."""
    return next((change.of for change in schedule.changes if change.at > 0), steps)


def before_the_fall(train: TrainConfig, end: int, checkpoints: Sequence[int]) -> int | None:
    """The last of some checkpoints from before the rate fell, where it had fallen by ``end``.

    Args:
        end, checkpoints: numbers of steps that were taken.
    """
    if not end or train.schedule.name == "constant":
        return None
    fall = course(end - 1, train.steps, train.schedule).fall
    return max((step for step in checkpoints if 0 < step <= fall < end), default=None)


def course_in_words(step: int, steps: int, peak: float, schedule: ScheduleConfig) -> str:
    """What the rate does from ``step`` steps on, a part of a sentence; steps counted from 1.

    Args:
        peak: the configured rate.
    """

    def rate(number: int) -> str:
        return f"{peak * learning_rate_factor(number - 1, steps, schedule):.3g}"

    part = course(step, steps, schedule)
    said = [f"{rate(step)} at step {step}"] if step else []
    if part.top > step:
        top = min(part.top, steps)
        said.append(f"rises to {rate(top)} at step {top}")
    elif step and part.before < 1 - 1e-9:
        said.append(f"back to {peak:.3g} at step {step + 1}, as train.schedule.warmup is 0 steps")
    falls = schedule.name != "constant" and part.fall < steps
    if max(part.top, step) < (part.fall if falls else steps):
        said.append(f"stays until step {part.fall if falls else steps}")
    if falls:
        said.append(f"falls to {rate(steps)} at step {steps}")
    return ", ".join(said)
