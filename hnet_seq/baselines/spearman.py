"""Rank correlation, with an interval from leaving rows out."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

RESAMPLES = 200
_PERFECT = 1 - 1e-12
FEWEST = 15  # rows, or groups of rows: fewer say too little about how much they differ


class Correlation(TypedDict):
    """Spearman's rho, None where one side is constant; a 95% interval; and of how many rows.

    ``no_interval`` says why there is none.
    """

    rho: float | None
    low: float | None
    high: float | None
    n: int
    no_interval: str | None


def spearman(
    one: np.ndarray,
    two: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Correlation:
    """Spearman's rank correlation of two (N,) arrays, ties at their mean rank.

    The interval is a jackknife on Fisher's z (the inverse hyperbolic tangent) with Student's t:
    rows, or parts of them, are left out in turn, with ranks taken anew each time. Draws with
    replacement repeat rows, whose ranks then agree: strong correlations of few rows get intervals
    that are too wide. ``studies/interval_coverage.py`` measures both.

    Args:
        groups: (N,) of the rows; whole groups are left out, since rows that resemble each other
            tell less than as many others. None: each row is one.
        resamples: the most parts; more groups are left out several at a time. 0 leaves the
            interval out.
        seed: of the parts.

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
    found = Correlation(rho=rho, low=None, high=None, n=n, no_interval=None)
    if not resamples:
        return found
    if rho is None:
        return found | {"no_interval": "constant"}
    group = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(group.max()) + 1
    if count < FEWEST:
        return found | {"no_interval": f"under {FEWEST} {'rows' if groups is None else 'groups'}"}
    parts = min(count, resamples)
    part = np.random.default_rng(seed).permutation(np.arange(count) % parts)[group]
    without = [_rho(places, (part != index).astype(np.float64)) for index in range(parts)]
    known = np.array([value for value in without if value is not None and abs(value) < _PERFECT])
    if len(known) < parts or abs(rho) >= _PERFECT:
        return found | {"no_interval": "constant or perfect but for a few rows"}
    apart = np.arctanh(known)
    apart -= apart.mean()
    wide = np.sqrt((apart**2).sum() * (parts - 1) / parts) * t.ppf(0.975, parts - 1)
    low, high = np.tanh(np.arctanh(rho) + np.array([-wide, wide]))
    return found | {"low": float(low), "high": float(high)}


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
