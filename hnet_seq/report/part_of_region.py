"""A part of the stretch that ``region.json`` holds: a gene with some bases around it, or a span."""

from __future__ import annotations

from dataclasses import replace

from hnet_seq.results.boundaries import Region

AROUND = 150
"""Bases on both sides of a gene that is asked for."""


def gene_in(region: Region, gene: str) -> Region | None:
    """The part with a coding sequence; None where it does not lie there, whole and once."""
    found = [own for own in region.genes if own.name == gene]
    start = min((own.start for own in found), default=region.end)
    end = max((own.end for own in found), default=region.start)
    # Exons and isoforms of one gene overlap or lie near; copies do not.
    if start < region.start or end > region.end or not found:
        return None
    return part_of(region, max(region.start, start - AROUND), min(region.end, end + AROUND))


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
