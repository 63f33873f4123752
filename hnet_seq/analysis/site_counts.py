"""Boundaries counted by their distance from sites, kept by block so that blocks can be resampled.

The distance of base b from a site at cut c is b - c where upstream lies to the left, and c - b
where it lies to the right: 0 is a chunk that begins exactly at the site.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.sites import Sites
from hnet_seq.analysis.statistics import BLOCK

_AT_ONCE = 1 << 22  # distances looked up at once

Values = NDArray[np.float64]


@dataclass(frozen=True)
class SiteCounts:
    """Sums over the sites of each block, at each distance -w to w.

    Attributes:
        bases: (blocks, 2 w + 1) counted bases.
        values: (blocks, 2 w + 1) of whatever was looked up at them, such as boundaries.
    """

    bases: Values
    values: Values

    @property
    def width(self) -> int:
        """w."""
        return (self.bases.shape[1] - 1) // 2

    def near(self, reach: int) -> tuple[Values, Values]:
        """Bases and values (blocks,) at distances -reach to reach."""
        inside = slice(self.width - reach, self.width + reach + 1)
        return self.bases[:, inside].sum(axis=1), self.values[:, inside].sum(axis=1)


def blocks_of(cuts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """(K,) the block of each cut; the last block of a record takes in the rest."""
    last = max(length // BLOCK, 1) - 1
    blocks: NDArray[np.int64] = np.minimum(cuts // BLOCK, last)
    return blocks


def count_at_sites(
    values: NDArray[np.generic],
    counted: NDArray[np.bool_],
    sites: Sites,
    width: int,
    blocks: NDArray[np.int64],
) -> SiteCounts:
    """Look up values around the sites of one record.

    Args:
        values: (n,) of each base: whether a chunk begins there, or what is expected of it.
        counted: (n,) which bases count.
        sites: in the coordinates of ``values``.
        width: w, bases on each side.
        blocks: (K,) non-decreasing, of each site; sums are kept for each that occurs.
    """
    length = len(values)
    distances = np.arange(-width, width + 1)
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    totals = np.zeros((2, len(starts), len(distances)))
    size = max(1, _AT_ONCE // len(distances))
    row = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(sites)]).astype(int))
    for first in range(0, len(sites), size):
        part = slice(first, first + size)
        places = sites.cuts[part, None] + sites.signs[part, None] * distances
        inside = (places >= 0) & (places < length)
        places[~inside] = 0
        inside &= counted[places]
        found = np.where(inside, values[places], 0)
        rows, begins = np.unique(row[part], return_index=True)
        totals[0, rows] += np.add.reduceat(inside.astype(np.float64), begins, axis=0)
        totals[1, rows] += np.add.reduceat(found.astype(np.float64), begins, axis=0)
    return SiteCounts(totals[0], totals[1])


def shifted_in_blocks(
    sites: Sites, length: int, least: int, generator: np.random.Generator
) -> Sites:
    """The sites of each block moved round the block together, in their order of before.

    Sites of one block keep their distances from each other and their strands, and stay where rates
    and composition are those of their block; only where they lie against the boundaries changes.
    (Circular shifts as controls of genomic overlaps: Bickel et al., Ann. Appl. Stat. 4:1660, 2010.)

    Args:
        length: of the record, bases.
        least: a shift is at least that many bases in either direction, where the block has room.

    Returns:
        as many sites; not sorted.
    """
    blocks = blocks_of(sites.cuts, length)
    last = max(length // BLOCK, 1) - 1
    sizes = np.where(np.arange(last + 1) < last, BLOCK, length - last * BLOCK)
    low = np.where(sizes > 4 * least, least, 0)
    shifts = generator.integers(low, np.maximum(sizes - low, low + 1))
    origin, size = blocks * BLOCK, np.maximum(sizes[blocks], 1)
    return Sites(origin + (sites.cuts - origin + shifts[blocks]) % size, sites.signs)


def joined(counts: list[SiteCounts], width: int) -> SiteCounts:
    """The blocks of several records after each other."""
    empty = np.zeros((0, 2 * width + 1))
    return SiteCounts(
        np.concatenate([empty, *(count.bases for count in counts)]),
        np.concatenate([empty, *(count.values for count in counts)]),
    )
