"""Figures of zero-shot tests with their intervals: shares of trials, means over windows, areas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.class_intervals import (
    FEWEST_RANKED,
    HIGHEST_AREA,
    area,
    auroc_intervals,
)
from hnet_seq.evidence.measures.shares import share_interval
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.resampling import jackknife
from hnet_seq.results.zero_shot import Figure, ZeroShotRow
from modalities.errors import InputError

Kind = Literal["model", "twin", "baseline"]
Readers = Sequence[tuple[Kind, Reader]]
"""Who is tested, in the order of the rows."""

FEWEST_WINDOWS = 10  # whose jackknife holds what it says (studies/interval_coverage.py)


def figure(
    value: float | None,
    n: int,
    interval: tuple[float, float] | None = None,
    no_interval: str | None = None,
) -> Figure:
    """A value and its interval, or why there is none."""
    known = value is not None and math.isfinite(value)
    low, high = interval if interval is not None and known else (None, None)
    return Figure(value=value if known else None, low=low, high=high, n=n, no_interval=no_interval)


def share(hits: int, trials: int) -> Figure:
    """Of independent trials, with the exact interval."""
    if not trials:
        return figure(None, 0, no_interval="nothing to count")
    return figure(hits / trials, trials, share_interval(hits, trials))


def of_windows(
    above: NDArray[np.floating], below: NDArray[np.floating], scale: Literal["share", "ratio"]
) -> Figure:
    """The quotient of sums over windows (N,), which are left out one at a time.

    Windows are taken as independent, also where they are of one record.
    """
    count = len(above)
    total = float(np.sum(below))
    if not total:
        return figure(None, count, no_interval="nothing predicted")
    value = float(np.sum(above)) / total
    if count < FEWEST_WINDOWS:
        return figure(value, count, no_interval=f"under {FEWEST_WINDOWS} windows")
    table = np.stack([above, below], axis=1).astype(np.float64)
    low, high = jackknife(table, lambda sums: (sums[:, 0] / sums[:, 1])[:, None], scale=scale)
    if math.isnan(low[0]):
        return figure(value, count, no_interval="at the end of its scale")
    return figure(value, count, (float(low[0]), float(high[0])))


def area_of_two_groups(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> Figure:
    """:func:`area` of independent groups, with its interval."""
    found = area(positive, negative)
    count = len(positive) + len(negative)
    if min(len(positive), len(negative)) < FEWEST_RANKED:
        return figure(found, count, no_interval=f"under {FEWEST_RANKED} in a group")
    if abs(found - 0.5) > HIGHEST_AREA - 0.5:
        return figure(found, count, no_interval=f"over {HIGHEST_AREA}, or under the same below")
    low, high = auroc_intervals(
        np.array([found]), np.array([len(positive)]), np.array([len(negative)])
    )
    return figure(found, count, (float(low[0]), float(high[0])))


def areas_apart(one: NDArray[np.floating], other: NDArray[np.floating], positives: int) -> Figure:
    """:func:`area` of ``one`` minus that of ``other``, on the same sequences, with its interval.

    Newcombe's two intervals put together (Zou and Donner, Stat. Med. 27, 2008: MOVER), with the
    correlation of the two areas from their placements (DeLong et al., Biometrics 44, 1988).

    Args:
        one, other: (N,) of which the first ``positives`` are positive.
    """
    both = [(own[:positives], own[positives:]) for own in (one, other)]
    areas = np.array([area(*own) for own in both])
    count = len(one)
    apart = float(areas[0] - areas[1])
    if min(positives, count - positives) < FEWEST_RANKED:
        return figure(apart, count, no_interval=f"under {FEWEST_RANKED} in a group")
    sizes = np.full(2, positives), np.full(2, count - positives)
    low, high = auroc_intervals(areas, *sizes)
    placed = [_placements(*own) for own in both]
    of_positives, of_negatives = (np.stack(side) for side in zip(*placed, strict=True))
    shared = np.cov(of_positives) / positives + np.cov(of_negatives) / (count - positives)
    spread = math.sqrt(shared[0, 0] * shared[1, 1])
    related = float(np.clip(shared[0, 1] / spread, -1, 1)) if spread else 0.0

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a + b * b - 2 * related * a * b))

    below = reach(areas[0] - low[0], high[1] - areas[1])
    above = reach(high[0] - areas[0], areas[1] - low[1])
    return figure(apart, count, (apart - below, apart + above))


def _placements(
    positive: NDArray[np.floating], negative: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each positive (P,) the share of negatives below, for each negative (Q,) those above."""
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(1), wins.mean(0)


def rows_of(readers: Readers, measure: Callable[[Reader], dict[str, Figure]]) -> list[ZeroShotRow]:
    """A row for each reader; one that cannot be tested so says why in place of figures."""
    rows = []
    for kind, reader in readers:
        try:
            row = ZeroShotRow(name=reader.name, kind=kind, figures=measure(reader))
        except InputError as error:
            if kind == "model":
                raise
            row = ZeroShotRow(name=reader.name, kind=kind, figures={}, refused=f"{error}")
        rows.append(row)
    return rows
