"""How far a dependency map is above its controls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.resampling import around, number, quotient
from hnet_seq.results.explanation import Above

Floats = NDArray[np.float64]

QUANTILE = 0.999  # of the control's pairs
BLOCK = 10  # bases of a unit of the interval: neighbours are not independent
FEWEST_UNITS = 10


def distance_classes(length: int) -> NDArray[np.int64]:
    """(L, L) which class of distances a pair is of: 1, 2, 3 to 4, 5 to 6, 7 to 10, 11 to 14, ..."""
    edges = [1, 2, 3]
    while edges[-1] < length:
        power = 2 ** int(math.log2(edges[-1] + 1))
        edges.append(edges[-1] + max(power // 2, 1))
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    return np.searchsorted(edges, distance, side="right")


def above(name: str, found: Floats, controls: Sequence[Floats], least: int) -> Above | None:
    """A map beside one control, which may be several maps, over pairs of ``least`` or more apart.

    The share of pairs beyond what all but one in a thousand of the control's pairs of the same
    class of distances have, and the ratio of the mean dependencies. Of several maps each is left
    out once: the share is beyond the others, on average, and what the one that is left out has
    beyond the same others is chance. The ratio's interval is a jackknife over blocks of ten bases,
    left out as substituted and as read ones together.

    Args:
        found, controls: (L, L), NaN where there is none.

    Returns:
        None where there are no such pairs.
    """
    length = len(found)
    classes = distance_classes(length)
    apart = np.abs(np.subtract.outer(np.arange(length), np.arange(length))) >= least
    pairs = int((apart & ~np.isnan(found)).sum())
    if not pairs:
        return None
    shares, chances = [], []
    for index, own in enumerate(controls):
        others = [other for place, other in enumerate(controls) if place != index]
        limits = _limits(others or controls, classes, apart)[classes]
        shares.append(_share(found, limits, apart))
        if others:
            chances.append(_share(own, limits, apart))
    ratio, low, high = _ratio(found, controls, apart)
    return Above(
        control=name,
        least_distance=least,
        pairs=pairs,
        share=number(float(np.mean(shares))),
        by_chance=number(float(np.mean(chances))) if chances else None,
        ratio=number(ratio),
        ratio_low=low,
        ratio_high=high,
    )


def _limits(controls: Sequence[Floats], classes: NDArray[np.int64], apart: object) -> Floats:
    """What all but a thousandth of the controls' pairs of each class have at most."""
    limits = np.full(int(classes.max()) + 1, np.inf)
    for each in range(len(limits)):
        here = (classes == each) & np.asarray(apart)
        values = np.concatenate([own[here] for own in controls])
        values = values[~np.isnan(values)]
        if len(values):
            limits[each] = np.quantile(values, QUANTILE)
    return limits


def _share(found: Floats, limits: Floats, apart: NDArray[np.bool_]) -> float:
    """Of the known pairs, those beyond the limits (L, L) of their classes."""
    known = apart & ~np.isnan(found)
    return float(quotient((found[known] > limits[known]).sum(), known.sum()))


def _ratio(
    found: Floats, controls: Sequence[Floats], apart: NDArray[np.bool_]
) -> tuple[float, float | None, float | None]:
    """Of means, with its 95% interval where ten blocks of bases or more have known pairs.

    A base's dependencies go together, as substituted and as read: so a block is left out as both.
    """
    sums = np.stack([part for own in (found, *controls) for part in _by_blocks(own, apart)], -1)
    total = sums.sum((0, 1))
    own = np.arange(len(sums))
    without = total - sums.sum(0) - sums.sum(1) + sums[own, own]

    def ratio(of: Floats) -> Floats:
        means = quotient(of[..., 1::2], of[..., ::2])
        return np.asarray(quotient(means[..., 0], means[..., 1:].mean(-1)))

    value = ratio(total)
    some = (total - without)[:, 0] > 0
    if some.sum() < FEWEST_UNITS:
        return float(value), None, None
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = np.log(ratio(without[some])) - np.log(value)
    low, high = around(value[None], moves[:, None], scale="ratio", units=int(some.sum()))
    return float(value), number(low[0]), number(high[0])


def _by_blocks(found: Floats, apart: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(B, B) each: known pairs, and the sum of their dependencies, by blocks of both bases."""
    known = apart & ~np.isnan(found)
    starts = np.arange(0, len(found), BLOCK)
    return tuple(  # type: ignore[return-value]
        np.add.reduceat(np.add.reduceat(own, starts, 0), starts, 1)
        for own in (known.astype(np.float64), np.where(known, found, 0.0))
    )
