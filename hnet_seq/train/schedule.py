"""Learning-rate schedules as functions of the step."""

from __future__ import annotations

import math

from hnet_seq.config import ScheduleConfig


def learning_rate_factor(step: int, steps: int, schedule: ScheduleConfig) -> float:
    """Factor of the peak rate at optimiser step ``step`` (0-based) of ``steps``.

    ``wsd``: linear warm-up, stable, then 1 - sqrt decay (Haegele et al. 2024). ``cosine``: linear
    warm-up, then half a cosine. Both end at ``final``. ``constant``: linear warm-up only.
    """
    warmup = round(schedule.warmup * steps)
    if step < warmup:
        return (step + 1) / warmup
    if schedule.name == "constant":
        return 1.0
    if schedule.name == "cosine":
        progress = (step - warmup) / max(1, steps - warmup)
        shape = (1 + math.cos(math.pi * progress)) / 2
    else:
        decay = round(schedule.decay * steps)
        since = step - (steps - decay)
        shape = 1.0 if since < 0 else 1 - math.sqrt(since / decay)
    return schedule.final + (1 - schedule.final) * shape
