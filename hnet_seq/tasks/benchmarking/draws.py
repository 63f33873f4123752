"""What several draws of training rows, or seeds of fine-tuning, add to an interval of test rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import stdtrit

from hnet_seq.results.classification import Interval
from hnet_seq.tasks.benchmarking.cells import FULL, TUNED, TUNED_TWIN

ONE_DRAW = "one draw"


def is_drawn(predictor: str, shots: int) -> bool:
    """Whether chance has a part in the fit: another seed gives another predictor."""
    return shots != FULL or predictor in (TUNED, TUNED_TWIN)


def widened(
    value: float, interval: Interval, per_seed: Sequence[float], *, most: float
) -> tuple[Interval, str | None]:
    """The 95% interval of a mean over draws, from the one over test rows of these very draws.

    Both margins are added as independent ones are (Zou and Donner, Stat. Med. 27, 2008): that of
    the test rows, and Student's t with k - 1 degrees of freedom times the standard error over the
    k draws. The draws share their test rows, so what differs between them is the draw, and what
    draw and rows do together, which then counts twice: the interval is rather too wide.

    Args:
        value: that the interval is of.
        per_seed: the same of each draw; differences are paired, draw by draw.
        most: ends lie between this and its negative.

    Returns:
        The interval, or None and why: one draw says nothing of others.
    """
    draws = len(per_seed)
    if interval is None:
        return None, None
    if draws < 2:
        return None, ONE_DRAW
    mean = math.fsum(per_seed) / draws
    variance = math.fsum((each - mean) ** 2 for each in per_seed) / (draws - 1)
    margin = float(stdtrit(draws - 1, 0.975)) * math.sqrt(variance / draws)
    low, high = interval
    low, high = value - math.hypot(value - low, margin), value + math.hypot(high - value, margin)
    return [max(low, -most), min(high, most)], None
