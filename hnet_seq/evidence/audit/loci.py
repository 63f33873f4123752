"""Where sequences lie in a genome, as their ids or columns say, and which lie on one another."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from hnet_seq.results.audited import Loci

NEAR = 10_000  # bases: what lies so close is often one gene, or in linkage
_ENOUGH = 0.9  # of the ids must be places, and of their lengths those of the sequences
_DIGITS = 20  # Python reads no more than 4,300
_FURTHEST = 1 << 53  # bases: no genome has so many, and a larger number is none of a place

_STRAND = r"(?:\s*\((?P<in_brackets>[+\-.])\)|[:_|;,/](?P<after>[+\-.]|fwd|rev|plus|minus))?"
# A name, places and perhaps a strand: chr1:100-200(+), NC_1.1:5..90, chr1_100_200_-
_COLON = re.compile(
    r"(?:^|[\s|;,=>]|::)(?P<name>[^\s|:;,=>]+):(?P<start>\d[\d,]*)(?:-|\.\.|_)(?P<end>\d[\d,]*)"
    rf"{_STRAND}(?![\w])"
)
_MARKED = re.compile(
    r"(?:^|[\s|;,=>])(?P<name>[A-Za-z0-9][\w.]*?)[_\-.|](?P<start>\d+)[_\-.|](?P<end>\d+)"
    rf"{_STRAND}$"
)


@dataclass(frozen=True)
class Coordinates:
    """Where N sequences lie.

    Attributes:
        names: of N chromosomes.
        starts, ends: (N,) 0-based, the end exclusive; -1 where nobody knows.
        rule: where that is from.
    """

    names: list[str]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    rule: str

    def of(self, members: NDArray[np.int64]) -> Coordinates:
        """Those of some sequences."""
        names = [self.names[i] for i in members]
        return Coordinates(names, self.starts[members], self.ends[members], self.rule)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(N,) whether one is known."""
        return self.starts >= 0


def places_of_ids(ids: Sequence[str], lengths: NDArray[np.int64]) -> Coordinates | None:
    """Coordinates that ids name; None where fewer than nine of ten do.

    ``chr1:100-200`` counts from 0 without the end or from 1 with it, as the lengths of the
    sequences say. Without a colon (``chr1_100_200``) the lengths must agree, or it is no place.
    """
    for pattern, sure in ((_COLON, True), (_MARKED, False)):
        matches = [pattern.search(each) for each in ids]
        if sum(match is not None for match in matches) < _ENOUGH * len(ids) or not len(ids):
            continue
        names = [match["name"] if match else "" for match in matches]
        starts, ends = (
            np.array([_place(m[side]) if m else -1 for m in matches], np.int64)
            for side in ("start", "end")
        )
        known = (starts >= 0) & (ends >= starts)
        if known.sum() < _ENOUGH * len(ids):
            continue
        spans = ends - starts
        from_0, from_1 = (float((spans + more == lengths)[known].mean()) for more in (0, 1))
        if not sure and max(from_0, from_1) < _ENOUGH:
            continue
        starts = np.where(known, np.maximum(0, starts - int(from_1 > from_0)), -1)
        return Coordinates(names, starts, np.where(known, ends, -1), "ids")
    return None


def _place(digits: str) -> int:
    """-1 for a number that is no place in any genome."""
    found = int(digits.replace(",", "").lstrip("0")[:_DIGITS] or 0)
    return found if found < _FURTHEST else -1


def find_loci(
    first: str, one: Coordinates, second: str, other: Coordinates, named: Sequence[str]
) -> Loci:
    """How sequences of ``second`` lie beside those of ``first``.

    Args:
        named: the ids of ``first``, then those of ``second``, for the example.
    """
    lying = (partners(one, other) >= 0) & (other.ends > other.starts)
    within = partners(one, other, reach=NEAR) >= 0
    chromosomes = {name for name, known in zip(one.names, one.known, strict=True) if known}
    pair = None
    i, j, most = _largest(one, other)
    if most:
        pair = [named[i], named[len(one.names) + j]]
    return Loci(
        rule=one.rule,
        first=first,
        second=second,
        n=len(other.names),
        overlapping=int(lying.sum()),
        near=NEAR,
        within=int(within.sum()),
        chromosomes=sum(
            name in chromosomes
            for name, known in zip(other.names, other.known, strict=True)
            if known
        ),
        overlap=most,
        pair=pair,
    )


def _largest(one: Coordinates, other: Coordinates) -> tuple[int, int, int]:
    """The pair with the most bases in common: numbers of ``one`` and ``other``, bases."""
    best = (-1, -1, 0)
    here, there = _by_name(one), _by_name(other)
    for name in sorted(here.keys() & there.keys()):
        members = here[name][np.argsort(one.starts[here[name]], kind="stable")]
        starts, ends, last = one.starts[members], one.ends[members], _last(one.ends[members])
        sizes = other.ends[there[name]] - other.starts[there[name]]
        # Longest first: none that is no longer than the best overlap can have a better one.
        for own in there[name][np.argsort(-sizes, kind="stable")].tolist():
            begin, end = int(other.starts[own]), int(other.ends[own])
            if end - begin <= best[2]:
                break
            first = int(np.searchsorted(starts, begin, side="right"))
            for k in chain(last[max(0, first - 1) : first].tolist(), range(first, len(starts))):
                if end - max(begin, int(starts[k])) <= best[2]:
                    break  # what begins later still has less
                bases = min(end, int(ends[k])) - max(begin, int(starts[k]))
                if bases > best[2]:
                    best = int(members[k]), own, bases
    return best


def _last(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) of the first 1, 2, ... N the one that ends last."""
    so_far = np.maximum.accumulate(ends)
    return np.maximum.accumulate(np.where(ends == so_far, np.arange(len(ends)), 0))


def partners(one: Coordinates, other: Coordinates, *, reach: int = 0) -> NDArray[np.int64]:
    """(N,) of each of ``other`` one of ``one`` that it overlaps, or is near to; -1 for none.

    Args:
        reach: bases that may lie between.
    """
    found = np.full(len(other.names), -1, np.int64)
    here, there = _by_name(one), _by_name(other)
    for name, asking in there.items():
        if name not in here:
            continue
        members = here[name][np.argsort(one.starts[here[name]], kind="stable")]
        starts, ends = one.starts[members], one.ends[members]
        # Of those that begin before the end of the one that asks, the one that ends last.
        last = _last(ends)
        before = np.searchsorted(starts, other.ends[asking] + reach, side="left") - 1
        reached = before >= 0
        candidate = last[np.maximum(before, 0)]
        reached &= ends[candidate] + reach > other.starts[asking]
        found[asking[reached]] = members[candidate[reached]]
    return found


def chains(places: Coordinates, reach: int) -> list[str]:
    """N names of what lies together: on one another, or with ``reach`` bases or fewer between."""
    names = [f"{i}" for i in range(len(places.names))]
    for name, members in _by_name(places).items():
        members = members[np.argsort(places.starts[members], kind="stable")]
        so_far = np.maximum.accumulate(places.ends[members])
        apart = places.starts[members][1:] - so_far[:-1] > reach
        for i, number in zip(members.tolist(), np.cumsum(np.append(0, apart)), strict=True):
            names[i] = f"{name}:{number}"
    return names


def _by_name(places: Coordinates) -> Mapping[str, NDArray[np.int64]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number in np.flatnonzero(places.known).tolist():
        found[places.names[number]].append(number)
    return {name: np.array(members) for name, members in found.items()}
