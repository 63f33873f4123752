"""What of a genome is looked at: a region, or every record."""

from __future__ import annotations

from modalities.errors import InputError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import parse_region

Span = tuple[str, int, int]


def region_spans(genome: Genome, region: str | None) -> list[tuple[str, int, int]]:
    """Record, start and end of a region, or of every record where there is none; none empty."""
    if region:
        spans = [parse_region(region, genome.lengths, genome.path)]
    else:
        spans = [(name, 0, length) for name, length in genome.lengths.items()]
    return [(name, start, end) for name, start, end in spans if start < end]


def open_spans(genome: Genome, region: str | None) -> list[Span]:
    """Record, start and end of what is looked at, none empty.

    Raises:
        InputError: there are no bases, or the region is none of the genome's.
    """
    spans = [span for span in region_spans(genome, region) if span[1] < span[2]]
    if not spans:
        raise InputError(genome.path, "no record has bases", where="whole file")
    return spans
