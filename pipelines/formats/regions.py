"""What of a genome is looked at: regions as samtools writes them, or every record."""

from __future__ import annotations

from pathlib import Path

from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome


def parse_region(
    region: str, lengths: dict[str, int], genome: str | Path, parameter: str = "region"
) -> tuple[str, int, int]:
    """``NAME`` or ``NAME:START-END`` to name and 0-based half-open bounds.

    Names may hold colons: a whole record's name wins over a range.

    Args:
        parameter: what the region was given as, for errors.

    Raises:
        UsageError: it is malformed.
        InputError: there is no such record, it does not go that far, or END is before START.
    """
    if region in lengths:
        return region, 0, lengths[region]
    name, colon, bounds = region.rpartition(":")
    first, _, last = bounds.replace(",", "").partition("-")
    if not colon or not (first.isdecimal() and last.isdecimal()):
        if name in lengths:
            raise UsageError(parameter, f"{region!r} is not NAME:START-END, 1-based")
        name = region
    if name not in lengths:
        known = ", ".join(list(lengths)[:3]) + (", ..." if len(lengths) > 3 else "")
        raise InputError(genome, f"no record {name!r}; it has {known}", where=f"--{parameter}")
    start, end = int(first) - 1, int(last)
    if not 0 <= start < end:
        said = f"{first}-{last} of {name} is no START-END: 1-based, and END is not before START"
        raise InputError(genome, said, where=f"--{parameter}")
    if end > lengths[name]:
        raise InputError(
            genome,
            f"{first}-{last} is not within 1-{lengths[name]} of {name}",
            where=f"--{parameter}",
        )
    return name, start, end


Span = tuple[str, int, int]


def region_spans(genome: Genome, region: str | None) -> list[Span]:
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
    spans = region_spans(genome, region)
    if not spans:
        raise InputError(genome.path, "no record has bases", where="whole file")
    return spans
