"""Rank correlation, with an interval from how much each row moves it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.resampling import around
from hnet_seq.results.scores import Correlation

FEWEST = 25  # rows, or groups of rows: fewer say too little about how much they differ
FEWEST_APART = 10  # rows, or groups with such rows, beside the commonest value of either side
_PERFECT = 1 - 1e-12

Floats = NDArray[np.float64]


def spearman(
    one: np.ndarray, two: np.ndarray, *, groups: np.ndarray | None = None, interval: bool = True
) -> Correlation:
    """Spearman's rank correlation of two (N,) arrays, ties at their mean rank.

    The interval is on Fisher's z (the inverse hyperbolic tangent), of the infinitesimal jackknife:
    the influence of each row on rho. Draws with replacement repeat rows, whose ranks then agree:
    strong correlations of few rows get intervals that are too wide.
    ``studies/interval_coverage.py`` measures both.

    Args:
        groups: (N,) of the rows; influences are summed in each, since rows that resemble each other
            tell less than as many others. None: each row is one.

    Raises:
        ValueError: the arrays differ in length or hold NaN.
    """
    if one.shape != two.shape or one.ndim != 1:
        raise ValueError(f"expected two arrays of one length; got {one.shape} and {two.shape}")
    if np.isnan(one).any() or np.isnan(two).any():
        raise ValueError("a correlation of NaN is none")
    rho, influence = rank_correlation(one, two)
    found = Correlation(rho=rho, low=None, high=None, n=len(one), no_interval=None)
    if not interval:
        return found
    if rho is None:
        return found | {"no_interval": "constant"}
    group = np.arange(len(one)) if groups is None else np.unique(groups, return_inverse=True)[1]
    if why := few(group, one, two, grouped=groups is not None):
        return found | {"no_interval": why}
    if abs(rho) >= _PERFECT:
        return found | {"no_interval": "perfect"}
    low, high = correlation_interval(rho, influence, group)
    return found | {"low": low, "high": high}


def few(group: NDArray[np.int64], *sides: np.ndarray, grouped: bool) -> str | None:
    """Why rows (N,) of these groups are too few for the interval of a correlation, or None."""
    units = "groups" if grouped else "rows"
    if len(np.unique(group)) < FEWEST:
        return f"under {FEWEST} {units}"
    for side in sides:
        values, number, count = np.unique(side, return_inverse=True, return_counts=True)
        if len(np.unique(group[number != count.argmax()])) < FEWEST_APART and len(values) > 1:
            return f"under {FEWEST_APART} {units} beside one value"
    return None


def correlation_interval(
    value: float, influence: Floats, group: NDArray[np.int64]
) -> tuple[float, float]:
    """95% interval of a correlation from the influence (N,) of rows of these groups (N,)."""
    of_group = np.bincount(group, weights=influence) / len(influence)
    # Without a group the others weigh more, the larger it is.
    apart = of_group / (1 - np.bincount(group) / len(group)) / (1 - value**2)
    low, high = around(np.array([value]), apart[:, None], scale="correlation", units=len(apart))
    return float(low[0]), float(high[0])


def rank_difference(
    one: Sequence[np.ndarray],
    other: Sequence[np.ndarray],
    values: np.ndarray,
    groups: np.ndarray,
) -> Correlation:
    """How much better ``one`` ranks (N,) values than ``other``: the difference of Spearman's rho.

    Of the same rows, means over seeds of training; with the interval of the difference of their
    influences, halved so that it lies between -1 and 1. A side that says one number of all rows has
    rho 0.

    Args:
        one, other: (N,) predictions of each seed.
        groups: (N,) of the rows, as for :func:`spearman`.
    """
    group = np.unique(groups, return_inverse=True)[1]
    difference, influence = 0.0, np.zeros(len(values))
    for sign, side in ((1, one), (-1, other)):
        for predicted in side:
            rho, own = rank_correlation(predicted, values)
            difference += sign * (rho or 0.0) / len(side)
            influence += sign * own / len(side)
    found = Correlation(rho=difference, low=None, high=None, n=len(values), no_interval=None)
    varied = [each for each in (*one, *other) if np.ptp(each) > 0]
    if why := few(group, *varied, values, grouped=len(np.unique(group)) < len(values)):
        return found | {"no_interval": why}
    if not influence.any():
        return found | {"no_interval": "no difference"}
    low, high = correlation_interval(difference / 2, influence / 2, group)
    return found | {"low": 2 * low, "high": 2 * high}


def rank_correlation(one: np.ndarray, two: np.ndarray) -> tuple[float | None, Floats]:
    """Spearman's rho, and the influence (N,) of each row on it; None, zeros for a constant side.

    A row counts where it stands, and by what it does to the ranks of all others.
    """
    sides = (_Ranks(one), _Ranks(two))
    variances = [float(side.centred @ side.centred) / max(len(one), 1) for side in sides]
    # Ranks are multiples of half a row: what is below that is rounding.
    if min(variances) * len(one) ** 2 < 1e-6:
        return None, np.zeros(len(one))
    scale = float(np.sqrt(variances[0] * variances[1]))
    x, y = (side.centred for side in sides)
    covariance = x * y + sides[0].above(y) + sides[1].above(x)
    rho = float(np.clip((x @ y) / len(one) / scale, -1, 1))
    influence = covariance / scale
    for side, variance in zip(sides, variances, strict=True):
        influence -= rho / 2 * (side.centred**2 + 2 * side.above(side.centred)) / variance
    return rho, influence - influence.mean()


class _Ranks:
    """Mean ranks of values (N,), as shares of N around 0."""

    def __init__(self, values: np.ndarray) -> None:
        _, self._place, count = np.unique(values, return_inverse=True, return_counts=True)
        self._ends = np.cumsum(count)
        self._starts = self._ends - count
        self.centred: Floats = ((self._starts + self._ends) / 2 / len(values) - 0.5)[self._place]

    def above(self, other: Floats) -> Floats:
        """(N,) mean over all rows of ``other``, of those at a larger value; half of those at it."""
        order = np.argsort(self._place, kind="stable")
        sums = np.concatenate([[0.0], np.cumsum(other[order])])
        beyond = sums[-1] - (sums[self._starts] + sums[self._ends]) / 2
        found: Floats = beyond[self._place] / len(other)
        return found
