"""Genes of one record as plain arrays: all that the base labels need to know of an annotation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.genes import Feature, Part, RecordGenes, resolve


@dataclass(frozen=True)
class Intervals:
    """K half-open intervals of one record, sorted by start: ``start`` (K,) and ``end`` (K,)."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    _reach: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reach", np.maximum.accumulate(self.end))

    def between(self, start: int, end: int) -> NDArray[np.int64]:
        """Indices of the intervals that share a base with ``[start, end)``."""
        first = int(np.searchsorted(self._reach, start, side="right"))
        stop = int(np.searchsorted(self.start, end, side="left"))
        indices = np.arange(first, max(first, stop))
        return indices[self.end[indices] > start]


@dataclass(frozen=True)
class CodingSequences(Intervals):
    """CDS rows of one record. A spliced CDS has several rows, each with its own phase.

    ``phase`` (GFF3, column 8) counts the bases to skip, in the direction of translation, to reach
    the first base of the next codon. ``has_start`` and ``has_stop`` mark the rows that begin with
    a start codon and end with a stop codon: the outer rows of a CDS that is not truncated there.
    """

    strand: NDArray[np.int8]  # (K,), +1 or -1
    phase: NDArray[np.int8]  # (K,), 0, 1 or 2
    has_start: NDArray[np.bool_]  # (K,)
    has_stop: NDArray[np.bool_]  # (K,)
    name: tuple[str, ...]


@dataclass(frozen=True)
class RecordAnnotation:
    """What one record's annotation says: its CDS, and every gene-like interval, coding or not."""

    coding: CodingSequences
    genic: Intervals


def from_features(features: Iterable[Feature]) -> RecordAnnotation:
    """Arrays from the GFF3 rows of one record, in any order, of which nothing else is known."""
    return from_genes(resolve({"": list(features)}).records[""])


def from_genes(genes: RecordGenes) -> RecordAnnotation:
    """Arrays from the genes of one record.

    Pseudogenes have no reading frame to speak of: they count as genic, not as coding. CDS without
    a strand are left out of the coding rows too. A row that several CDS share is there once.
    """
    rows: dict[tuple[int, int, int], _CodingRow] = {}
    for coding in genes.coding:
        parts = coding.chain.inside()
        for part in parts:
            row = rows.setdefault((part.start, part.end, part.row), _CodingRow(part, coding.name))
            row.has_start |= part is parts[0] and coding.start is not None
            row.has_stop |= part is parts[-1] and coding.stop is not None
    ordered = sorted(rows.values(), key=lambda row: (row.part.start, row.part.end, row.part.row))
    bounds = np.array(sorted(genes.genic), dtype=np.int64).reshape(-1, 2)
    return RecordAnnotation(
        coding=CodingSequences(
            start=np.array([row.part.start for row in ordered], dtype=np.int64),
            end=np.array([row.part.end for row in ordered], dtype=np.int64),
            strand=np.array([row.part.sign for row in ordered], dtype=np.int8),
            phase=np.array([row.part.phase or 0 for row in ordered], dtype=np.int8),
            has_start=np.array([row.has_start for row in ordered], dtype=np.bool_),
            has_stop=np.array([row.has_stop for row in ordered], dtype=np.bool_),
            name=tuple(row.name for row in ordered),
        ),
        genic=Intervals(start=bounds[:, 0], end=bounds[:, 1]),
    )


@dataclass
class _CodingRow:
    """A part of one or several CDS."""

    part: Part
    name: str
    has_start: bool = False
    has_stop: bool = False
