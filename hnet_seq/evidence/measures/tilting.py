"""Where a score would have to lie for the test to be 1.96 standard errors away from it.

Wilson's score interval of a share (J. Am. Stat. Assoc. 22, 1927) carried over to any score of a
table of counts: the counts are tilted along the score's own influence function, in both directions,
until the score that they then have is as far from the one measured as chance explains **there**.
What has not been met in a test of few sequences, such as an error, is given a small weight, so that
a table without errors has an interval. (Efron, Can. J. Stat. 9, 1981, tilts by the influence at one
place; here it is taken anew at each step.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hnet_seq.evidence.measures.let_in import Floats, LetIn

Functional = Callable[[Floats], tuple[Floats, Floats]]
"""Weights (M, R), which sum to 1, to values (R,) and the influence (M, R) of each cell on them."""

Z = 1.959964  # of a two-sided 95% interval
_STEP = 0.4  # standard errors
_STEPS = 40
_LEAST = 0.05  # of the variance is left, whatever being let in takes off it


def tilted_intervals(
    functional: Functional,
    weights: Floats,
    values: Floats,
    sizes: Floats,
    let_in: LetIn | None = None,
) -> tuple[Floats, Floats]:
    """95% intervals of the score of each of T tables of the same cells.

    Args:
        weights: (M, T) of the cells, none 0: counts and what may not have been met.
        values: (T,) what was measured.
        sizes: (T,) sequences that each table counts.
        let_in: what each table had to hold to be asked; None of any table.

    Returns:
        the lower and the upper ends, (T,) each.
    """
    tilted = np.tile(weights / weights.sum(axis=0), 2)
    values = np.tile(values, 2)
    sizes = np.tile(sizes, 2)
    root = np.sqrt(sizes)
    directions = np.repeat([-1.0, 1.0], weights.shape[1])
    ends = np.full(len(values), np.nan)
    before: tuple[Floats, Floats] | None = None
    for _ in range(_STEPS):
        found, influence = functional(tilted)
        deviation = np.sqrt((tilted * influence**2).sum(axis=0))
        expected, error = found, deviation / root
        if let_in is not None:
            shift, removed = let_in.moves(tilted, influence, sizes)
            expected = found + shift
            error = np.sqrt(np.maximum(error**2 - removed, _LEAST * error**2))
        beyond = (expected - values) * directions - Z * error
        reached = (beyond >= 0) & np.isnan(ends)
        place = found
        if before is not None:
            part = before[1] / np.minimum(before[1] - beyond, -1e-300)
            place = before[0] + part * (found - before[0])
        ends[reached] = place[reached]
        before = (found, beyond)
        if not np.isnan(ends).any():
            break
        step = _STEP * directions / root / np.maximum(deviation, 1e-12)
        tilted = tilted * np.exp(np.clip(step * influence, -1, 1))
        tilted /= tilted.sum(axis=0)
    # Where nothing is wrong nothing above is reached: the bound itself is approached.
    low, high = np.split(np.where(np.isnan(ends), found, ends), 2)
    return low, high
