"""Genes of one record as plain arrays: all that the base labels need to know of an annotation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NAME_ATTRIBUTES = ("gene", "Name", "locus_tag", "ID")
GENIC_TYPES = frozenset(
    (
        *("gene", "pseudogene", "mRNA", "transcript", "exon"),
        *("tRNA", "rRNA", "ncRNA", "tmRNA", "snRNA", "snoRNA"),
    )
)


class Feature(Protocol):
    """One annotated interval, 0-based and half-open, as ``pipelines.annotation`` reads it."""

    @property
    def type(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def strand(self) -> str: ...
    @property
    def phase(self) -> int | None: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


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
    """Arrays from the features of one record, in any order.

    CDS marked ``pseudo`` have no reading frame to speak of: they count as genic, not as coding.
    CDS without a strand are left out of the coding rows too.
    """
    rows: list[Feature] = []
    genic: list[tuple[int, int]] = []
    for feature in features:
        pseudo = feature.attributes.get("pseudo", "false").lower() == "true"
        if feature.type == "CDS" and feature.strand in "+-" and not pseudo:
            rows.append(feature)
        elif feature.type == "CDS" or feature.type in GENIC_TYPES:
            genic.append((feature.start, feature.end))
    rows.sort(key=lambda row: (row.start, row.end))
    bounds = np.array(sorted(genic), dtype=np.int64).reshape(-1, 2)
    has_start, has_stop = _codon_ends(rows)
    return RecordAnnotation(
        coding=CodingSequences(
            start=np.array([row.start for row in rows], dtype=np.int64),
            end=np.array([row.end for row in rows], dtype=np.int64),
            strand=np.array([1 if row.strand == "+" else -1 for row in rows], dtype=np.int8),
            phase=np.array([row.phase or 0 for row in rows], dtype=np.int8),
            has_start=has_start,
            has_stop=has_stop,
            name=tuple(_name(row) for row in rows),
        ),
        genic=Intervals(start=bounds[:, 0], end=bounds[:, 1]),
    )


def _name(row: Feature) -> str:
    return next((row.attributes[key] for key in NAME_ATTRIBUTES if key in row.attributes), "CDS")


def _codon_ends(rows: list[Feature]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows hold the start and the stop codon of their CDS."""
    has_start = np.zeros(len(rows), dtype=bool)
    has_stop = np.zeros(len(rows), dtype=bool)
    for indices in coding_parts(rows):
        outer = [indices[0], indices[-1]]
        first, last = outer if rows[indices[0]].strand == "+" else outer[::-1]
        has_start[first], has_stop[last] = complete_ends([rows[index] for index in indices])
    return has_start, has_stop


def coding_parts(rows: Sequence[Feature]) -> list[list[int]]:
    """Indices of the rows of each CDS, in the order of the rows.

    Rows of one ID are one CDS, as GFF3 has it. Some tools number the exons' parts instead, so rows
    with different IDs, or none, are one CDS too where they have a Parent in common and none of
    them overlaps another: those that do are alternatives, such as two starts of one gene. A row
    with several parents is in the CDS of each; one with neither ID nor Parent is a CDS alone.
    """
    by_name: dict[str, list[int]] = defaultdict(list)
    by_parent: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    orphans: list[str] = []
    for index, row in enumerate(rows):
        name = row.attributes.get("ID") or f"row {index}"
        by_name[name].append(index)
        for parent in row.attributes.get("Parent", "").split(","):
            if parent:
                by_parent[parent][name].append(index)
        if not row.attributes.get("Parent"):
            orphans.append(name)
    found: list[tuple[int, ...]] = []
    for names in by_parent.values():
        indices = sorted(index for members in names.values() for index in members)
        if len(names) > 1 and _one_after_another([rows[index] for index in indices]):
            found.append(tuple(indices))
        else:
            found += [tuple(by_name[name]) for name in names]
    found += [tuple(by_name[name]) for name in orphans]
    return [list(indices) for indices in dict.fromkeys(found)]


def _one_after_another(rows: Sequence[Feature]) -> bool:
    """Whether rows sorted by start lie on one strand, and none overlaps another."""
    return len({row.strand for row in rows}) == 1 and all(
        row.end <= following.start for row, following in pairwise(rows)
    )


def complete_ends(parts: Sequence[Feature]) -> tuple[bool, bool]:
    """Whether a CDS begins with a start codon, and whether it ends with a stop codon.

    Args:
        parts: its rows, sorted by start.
    """
    forward = parts[0].strand == "+"
    left_open, right_open = _truncated(parts[0])[0], _truncated(parts[-1])[1]
    start_open, stop_open = (left_open, right_open) if forward else (right_open, left_open)
    phase = parts[0 if forward else -1].phase or 0
    bases = sum(part.end - part.start for part in parts)
    return not start_open and phase == 0, not stop_open and (bases - phase) % 3 == 0


def _truncated(row: Feature) -> tuple[bool, bool]:
    """Whether the CDS runs off its left and its right end.

    Prodigal writes ``partial=10`` for a gene that is open on the left, ``01`` on the right; NCBI
    writes ``partial=true`` with ``start_range=.,S`` or ``end_range=E,.`` at the open end.
    """
    partial = row.attributes.get("partial", "00")
    if partial in ("00", "01", "10", "11"):
        return partial[0] == "1", partial[1] == "1"
    left, right = "start_range" in row.attributes, "end_range" in row.attributes
    unstated = partial.lower() == "true" and not (left or right)
    return left or unstated, right or unstated
