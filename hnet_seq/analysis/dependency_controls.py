"""How far a dependency map is above its controls, and annotated pairs above others as far apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.resampling import jackknife, number, quotient
from hnet_seq.results.explanation import Above, OfPairs

Floats = NDArray[np.float64]

QUANTILE = 0.999  # of the control's pairs
ROWS = 10  # substituted bases of a unit of the intervals: neighbours are not independent
_FEWEST_UNITS = 10
DRAWS = 9999
MARGIN = 10  # bases around an element that are held to be of it


@dataclass(frozen=True)
class Arms:
    """Two stretches whose bases pair: 0-based and half-open, in the region.

    Attributes:
        stem: the first base of one pairs with the last of the other, and so on; else each with
            each.
    """

    first: tuple[int, int]
    second: tuple[int, int]
    stem: bool

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Both bases of each pair."""
        one, two = np.arange(*self.first), np.arange(*self.second)
        if self.stem:
            return one, two[::-1]
        return np.repeat(one, len(two)), np.tile(two, len(one))

    @property
    def bounds(self) -> tuple[int, int]:
        """Of both together."""
        return min(self.first[0], self.second[0]), max(self.first[1], self.second[1])


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
    class of distances have, and the ratio of the mean dependencies. Intervals are a jackknife over
    units of ten substituted bases.

    Args:
        found, controls: (L, L), NaN where there is none.

    Returns:
        None where there are no such pairs.
    """
    length = len(found)
    classes = distance_classes(length)
    apart = np.abs(np.subtract.outer(np.arange(length), np.arange(length))) >= least
    limits = _limits(controls, classes, apart)
    beyond = _table(found, apart, limits[classes])
    if not beyond[:, 1].sum():
        return None
    others = [_table(own, apart, limits[classes]) for own in controls]
    sums = np.concatenate([beyond, *(own[:, 1:] for own in others)], 1)
    share = quotient(sums[:, 0].sum(), sums[:, 1].sum())
    low, high = _interval(sums[:, :2], lambda s: quotient(s[:, 0], s[:, 1])[:, None], "share")
    ratio, ratio_low, ratio_high = _ratio(sums[:, 1:])
    return Above(
        control=name,
        least_distance=least,
        pairs=int(beyond[:, 1].sum()),
        share=number(share),
        low=low,
        high=high,
        by_chance=_left_out(controls, classes, apart),
        ratio=ratio,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
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


def _table(found: Floats, apart: NDArray[np.bool_], limits: Floats) -> Floats:
    """(units, 3): pairs beyond the limits, pairs, and the sum of their dependencies."""
    known = apart & ~np.isnan(found)
    columns = np.stack(
        [
            (known & (np.nan_to_num(found, nan=-1) > limits)).sum(1),
            known.sum(1),
            np.where(known, found, 0).sum(1),
        ],
        1,
    ).astype(np.float64)
    return np.add.reduceat(columns, np.arange(0, len(found), ROWS))


def _left_out(
    controls: Sequence[Floats], classes: NDArray[np.int64], apart: NDArray[np.bool_]
) -> float | None:
    """The share of each of several controls beyond the others, the mean; None of one."""
    shares = []
    for index, own in enumerate(controls):
        if others := [other for place, other in enumerate(controls) if place != index]:
            table = _table(own, apart, _limits(others, classes, apart)[classes]).sum(0)
            shares.append(quotient(table[0], table[1]))
    return number(float(np.mean(shares))) if shares else None


def _interval(table: Floats, statistic: object, scale: object) -> tuple[float | None, float | None]:
    if len(table) < _FEWEST_UNITS:
        return None, None
    low, high = jackknife(table, statistic, scale=scale)  # type: ignore[arg-type]
    return number(low[0]), number(high[0])


def _ratio(sums: Floats) -> tuple[float | None, float | None, float | None]:
    """Of means: columns are pairs and sum of the map, then of each control."""

    def ratio(own: Floats) -> Floats:
        of_controls = quotient(own[:, 3::2].sum(1), own[:, 2::2].sum(1))
        return np.asarray(quotient(quotient(own[:, 1], own[:, 0]), of_controls))[:, None]

    low, high = _interval(sums, ratio, "ratio")
    return number(ratio(sums.sum(0, keepdims=True))[0, 0]), low, high


def contrast(
    name: str, maps: Mapping[str, Sequence[Floats]], arms: Sequence[Arms], *, seed: int
) -> list[OfPairs]:
    """Annotated pairs against pairs at equal distance, in a map and in each of its controls.

    A pair has the mean of what either base does to the other. Chance moves each pair of arms by an
    offset of its own, as a whole, so that what neighbouring pairs have in common stays: once to
    where both lie within ten bases of the annotated element, once anywhere in the region.

    Args:
        maps: a map, or several that are one control, by name.
        seed: of the 9,999 draws.

    Returns:
        for each map a row; p-values are one-sided, (1 + draws that are as high) / (1 + draws).
    """
    length = len(next(iter(maps.values()))[0])
    low = max(0, min(own.bounds[0] for own in arms) - MARGIN)
    high = min(length, max(own.bounds[1] for own in arms) + MARGIN)
    rows = []
    for of, several in maps.items():
        values = _of_pairs(np.mean(several, 0))
        means = [_moved(values, own, length) for own in arms]
        sizes = np.array([len(own.pairs()[0]) for own in arms])
        observed = _mean([own[0] for own in means], sizes)
        nulls = {
            "element": _draws(means, sizes, arms, (low, high), seed),
            "region": _draws(means, sizes, arms, (0, length), seed),
        }
        expected = {
            where: float(np.mean(own)) if len(own) else None for where, own in nulls.items()
        }
        chance = {
            where: float((1 + (own >= observed).sum()) / (1 + len(own))) if len(own) else None
            for where, own in nulls.items()
        }
        rows.append(
            OfPairs(
                name=name,
                of=of,
                pairs=int(sizes.sum()),
                mean=number(observed),
                in_element=None if expected["element"] is None else number(expected["element"]),
                p_element=chance["element"],
                in_region=None if expected["region"] is None else number(expected["region"]),
                p_region=chance["region"],
            )
        )
    return rows


def _of_pairs(found: Floats) -> Floats:
    """(L, L) symmetric: the mean of both directions, of those that are known."""
    one, two = found, found.T
    return np.where(np.isnan(one), two, np.where(np.isnan(two), one, (one + two) / 2))


def _moved(values: Floats, arms: Arms, length: int) -> dict[int, float]:
    """The mean over pairs by the offset at which the arms lie."""
    one, two = arms.pairs()
    low, high = arms.bounds
    found = {}
    for offset in range(-low, length - high + 1):
        here = values[one + offset, two + offset]
        if not np.isnan(here).all():
            found[offset] = float(np.nanmean(here))
    return {0: found.get(0, math.nan), **found}


def _draws(
    means: Sequence[dict[int, float]],
    sizes: NDArray[np.int64],
    arms: Sequence[Arms],
    within: tuple[int, int],
    seed: int,
) -> Floats:
    """(draws,) means over all pairs, each pair of arms at an offset of its own; none where one of
    them has no other place."""
    generator = np.random.default_rng(seed)
    drawn = []
    for own, each in zip(means, arms, strict=True):
        low, high = each.bounds
        values = [
            value
            for offset, value in own.items()
            if offset and low + offset >= within[0] and high + offset <= within[1]
        ]
        if not values:
            return np.empty(0)
        drawn.append(np.array(values)[generator.integers(len(values), size=DRAWS)])
    found: Floats = np.average(drawn, axis=0, weights=sizes)
    return found


def _mean(values: Sequence[float], sizes: NDArray[np.int64]) -> float:
    return float(np.average(values, weights=sizes))
