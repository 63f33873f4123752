"""A part of the stretch that ``region.json`` holds: a gene with some bases around it, or a span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hnet_seq.results.boundaries import Gene, Region
from modalities.errors import UsageError

AROUND = 150
"""Bases on both sides of a gene that is asked for."""

_SHIFT = 10  # bases that a frameshift leaves out at most
_INTRONS = {"GTAG", "GCAG", "ATAC"}  # by their two first and two last bases
_COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")


def gene_in(region: Region, gene: str) -> Region | None:
    """The part with a coding sequence; None where it does not lie there, whole and once.

    Raises:
        UsageError: it lies at several places.
    """
    places = _places(region, [own for own in region.genes if own.name == gene])
    if any(start < region.start or end > region.end for start, end in places) or not places:
        return None
    if len(places) > 1:
        shown = [f"{region.sequence}:{start + 1}-{end}" for start, end in places]
        raise UsageError("gene", f"{gene} lies at {', '.join(shown)}; give one as `region`")
    ((start, end),) = places
    return part_of(region, max(region.start, start - AROUND), min(region.end, end + AROUND))


def _places(region: Region, rows: Sequence[Gene]) -> list[tuple[int, int]]:
    """Where rows of one name lie: isoforms and exons at one place, copies at several.

    The file does not say which rows are one coding sequence. Rows are exons of one where an intron
    by its ends lies between them, or no whole number of codons on both sides.
    """
    found: list[tuple[int, int]] = []
    for strand in sorted({own.strand for own in rows}):
        joined: list[list[int]] = []  # start, end and bases that are coding
        for start, end in sorted((own.start, own.end) for own in rows if own.strand == strand):
            if joined and start <= joined[-1][1] + _SHIFT:
                joined[-1][2] += max(end - max(start, joined[-1][1]), 0)
                joined[-1][1] = max(end, joined[-1][1])
            elif joined and _is_intron(region, joined[-1][1], start, strand):
                joined[-1][1:] = [end, joined[-1][2] + end - start]
            else:
                joined.append([start, end, end - start])
        if any(coding % 3 for _, _, coding in joined):
            joined = [[joined[0][0], joined[-1][1], 0]]
        found += [(start, end) for start, end, _ in joined]
    return sorted(found)


def _is_intron(region: Region, start: int, end: int, strand: str) -> bool:
    """By its ends; where letters are not known it may be one."""
    if not region.bases:
        return True
    ends = region.bases[start - region.start :][:2] + region.bases[: end - region.start][-2:]
    if strand == "-":
        ends = ends.translate(_COMPLEMENT)[::-1]
    return ends.upper() in _INTRONS


def part_of(region: Region, start: int, end: int) -> Region | None:
    """Bases ``[start, end)`` of the record; None where the stretch does not have them all."""
    if not region.start <= start < end <= region.end:
        return None
    inside = slice(start - region.start, end - region.start)
    return replace(
        region,
        start=start,
        end=end,
        bases=region.bases[inside] if region.bases else region.bases,
        boundary_prob=region.boundary_prob[inside],
        boundaries=[own for own in region.boundaries if start <= own < end],
        genes=[own for own in region.genes if own.start < end and own.end > start],
    )
