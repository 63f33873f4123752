"""Annotated pairs of a dependency map, such as a stem's, beside others that are as far apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.resampling import number
from hnet_seq.results.explanation import OfPairs
from modalities.errors import InputError

Floats = NDArray[np.float64]

DRAWS = 9999
MARGIN = 10  # bases around an element that are held to be of it
_SAME = 1e-12  # of sums in another order


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

    def fault(self) -> str | None:
        """Why they are no arms, in words."""
        one, two = self.first, self.second
        if not (one[0] < one[1] and two[0] < two[1]):
            return "an end is not behind its start; ends are not in"
        if max(one[0], two[0]) < min(one[1], two[1]):
            return "the two stretches overlap; a base does not pair with itself"
        if self.stem and one[1] - one[0] != two[1] - two[0]:
            return "the arms of a stem, on opposite strands, have two lengths; cut it at bulges"
        return None

    def shares(self, other: Arms) -> bool:
        """Whether a pair is of both."""
        own, others = (
            {frozenset(pair) for pair in zip(*(a.tolist() for a in arms.pairs()), strict=True)}
            for arms in (self, other)
        )
        return not own.isdisjoint(others)


def check_arms(pairs: Mapping[str, Sequence[Arms]], length: int) -> None:
    """Raise InputError naming ``pairs`` for arms that are none, or not within ``length`` bases."""
    for name, several in pairs.items():
        where = f"pairs[{name!r}]"
        if isinstance(several, Arms) or not len(several):
            raise InputError(None, "expected a list of one or more Arms", where=where)
        for index, arms in enumerate(several):
            if not isinstance(arms, Arms):
                said = f"is {type(arms).__name__}; expected hnet_seq.Arms"
            elif arms.bounds[0] < 0 or arms.bounds[1] > length:
                low, high = arms.bounds
                said = f"{low} to {high} is not within the {length:,} bases of the region"
            else:
                said = arms.fault() or ""
                if not said and any(map(arms.shares, several[:index])):
                    said = "has a pair of arms before it; name each pair once"
            if said:
                raise InputError(None, said, where=f"{where}[{index}]")


def contrast(
    name: str, maps: Mapping[str, Sequence[Floats]], arms: Sequence[Arms], *, seed: int
) -> list[OfPairs]:
    """Annotated pairs against pairs at equal distance, in a map and in each of its controls.

    A pair has the mean of what either base does to the other. Chance moves each pair of arms by an
    offset of its own, as a whole, so that what neighbouring pairs have in common stays: once to
    where both lie within ten bases of the annotated element, once anywhere in the region; where
    they do lie is one of these places. Pairs that are not known where they lie, of an unknown base,
    are in neither; other places are those where all the rest are known.

    Args:
        maps: a map, or several that are one control, by name.
        seed: of the 9,999 draws, which are made where there are more ways to place all arms.

    Returns:
        for each map a row; p is one-sided, the share of all ways, or of the draws and the arms as
        they are, that are as high: at least one in so many.
    """
    length = len(next(iter(maps.values()))[0])
    low = max(0, min(own.bounds[0] for own in arms) - MARGIN)
    high = min(length, max(own.bounds[1] for own in arms) + MARGIN)
    rows = []
    for of, several in maps.items():
        values = _of_pairs(np.mean(several, 0))
        moved = [found for own in arms if (found := _moved(values, own, length)) is not None]
        element = _chance(moved, (low, high), seed)
        region = _chance(moved, (0, length), seed)
        pairs = [own.pairs for own in moved]
        mean = np.average([own.means[0] for own in moved], weights=pairs) if moved else math.nan
        rows.append(
            OfPairs(
                name=name,
                of=of,
                pairs=sum(pairs),
                mean=number(float(mean)),
                in_element=element.elsewhere,
                p_element=element.p,
                least_p_element=element.least,
                in_region=region.elsewhere,
                p_region=region.p,
                least_p_region=region.least,
            )
        )
    return rows


def _of_pairs(found: Floats) -> Floats:
    """(L, L) symmetric: the mean of both directions, of those that are known."""
    one, two = found, found.T
    return np.where(np.isnan(one), two, np.where(np.isnan(two), one, (one + two) / 2))


@dataclass(frozen=True)
class _Moved:
    """A pair of arms: how many pairs are known, and their mean by the offset at which they lie."""

    bounds: tuple[int, int]
    pairs: int
    means: dict[int, float]

    def within(self, low: int, high: int) -> Floats:
        """The means at the places there; where they do lie comes first."""
        others = [
            mean
            for offset, mean in self.means.items()
            if offset and low <= self.bounds[0] + offset and self.bounds[1] + offset <= high
        ]
        return np.array([self.means[0], *others])


def _moved(values: Floats, arms: Arms, length: int) -> _Moved | None:
    """None where no pair is known."""
    one, two = arms.pairs()
    known = ~np.isnan(values[one, two])
    one, two = one[known], two[known]
    if not len(one):
        return None
    low, high = arms.bounds
    means = {
        offset: float(values[one + offset, two + offset].mean())
        for offset in range(-low, length - high + 1)
    }
    return _Moved(arms.bounds, len(one), {at: own for at, own in means.items() if own == own})


@dataclass(frozen=True)
class _Chance:
    """What arms have in other places; all None where none has another."""

    elsewhere: float | None = None
    p: float | None = None
    least: float | None = None


def _chance(moved: Sequence[_Moved], within: tuple[int, int], seed: int) -> _Chance:
    places = [own.within(*within) for own in moved]
    ways = math.prod(map(len, places))
    if ways == 1:
        return _Chance()
    drawn = []  # the first way is the arms as they are
    if ways <= DRAWS:
        index = np.arange(ways)
        for own in places:
            drawn.append(own[index % len(own)])
            index = index // len(own)
    else:
        generator = np.random.default_rng(seed)
        for own in places:
            draws = generator.integers(len(own), size=DRAWS)
            drawn.append(own[np.concatenate([[0], draws])])
    weights = [own.pairs for own in moved]
    means = np.average(drawn, axis=0, weights=weights)
    others = [(own[1:].mean(), w) for own, w in zip(places, weights, strict=True) if len(own) > 1]
    elsewhere = np.average([mean for mean, _ in others], weights=[w for _, w in others])
    p = float((means >= means[0] - _SAME).mean())
    return _Chance(number(float(elsewhere)), number(p), number(1 / len(means)))
