"""Rank correlation, with an interval from resampling rows."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000


class Correlation(TypedDict):
    """Spearman's rho, None where one side is constant; a 95% interval; and of how many rows."""

    rho: float | None
    low: float | None
    high: float | None
    n: int


def spearman(
    one: np.ndarray,
    two: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Correlation:
    """Spearman's rank correlation of two (N,) arrays, ties at their mean rank.

    The interval is the percentile bootstrap over rows, with ranks taken anew in each resample; the
    same ``seed`` and groups draw the same rows, so that correlations on the same rows are compared
    on the same resamples. ``resamples`` 0 leaves the interval out.

    Args:
        groups: (N,) of the rows; whole groups are drawn, since rows that resemble each other tell
            less than as many others. None: each row is one.

    Raises:
        ValueError: the arrays differ in length or hold NaN.
    """
    if one.shape != two.shape or one.ndim != 1:
        raise ValueError(f"expected two arrays of one length; got {one.shape} and {two.shape}")
    if np.isnan(one).any() or np.isnan(two).any():
        raise ValueError("a correlation of NaN is none")
    n = len(one)
    places = [np.unique(values, return_inverse=True)[1] for values in (one, two)]
    rho = _rho(places, np.ones(n)) if n > 1 else None
    found = Correlation(rho=rho, low=None, high=None, n=n)
    if rho is None or not resamples:
        return found
    generator = np.random.default_rng(seed)
    group = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(group.max()) + 1
    drawn = []
    for _ in range(resamples):
        times = np.bincount(generator.integers(0, count, count), minlength=count)
        drawn.append(_rho(places, times[group].astype(np.float64)))
    values = [value for value in drawn if value is not None]
    if len(values) == resamples:
        low, high = np.quantile(values, [0.025, 0.975])
        found["low"], found["high"] = float(low), float(high)
    return found


def _rho(places: list[NDArray[np.int64]], weights: NDArray[np.float64]) -> float | None:
    """Pearson's correlation of the mean ranks of rows that occur ``weights`` times each."""
    centred = []
    for place in places:
        count = np.bincount(place, weights=weights)
        rank = (np.cumsum(count) - count / 2)[place]
        centred.append(rank - rank @ weights / weights.sum())
    one, two = centred
    scale = np.sqrt((one * one) @ weights * ((two * two) @ weights))
    # Ranks are multiples of a half: what is below that is rounding.
    return float((one * two) @ weights / scale) if scale > 1e-6 else None
