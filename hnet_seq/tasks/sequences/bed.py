"""Sequences at the places that a BED file names, in its order, on the strand that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError
from pipelines.annotation import INTEGER, check_record, feature_lines
from pipelines.genome import Genome
from pipelines.intervals import bed_columns, bed_interval, is_bed_header
from pipelines.stranded_bed import bed_strand


@dataclass(frozen=True)
class Place:
    """Bases ``start`` (0-based) to ``end`` (exclusive) of a record, and the line that says so."""

    record: str
    start: int
    end: int
    strand: str
    name: str
    line: int

    @property
    def coordinates(self) -> str:
        """NAME:START-END(strand), 1-based and inclusive."""
        return f"{self.record}:{self.start + 1}-{self.end}({self.strand})"


def looks_like_bed(line: str) -> bool:
    """Whether a line has the three columns of BED."""
    columns = bed_columns(line.rstrip("\r\n"))
    return len(columns) >= 3 and all(INTEGER.match(text) for text in columns[1:3])


def read_places(path: Path, lengths: dict[str, int]) -> Iterator[Place]:
    """Lines of a plain, gzip or bgzip BED file; nothing is merged, blocks are not looked at.

    Args:
        lengths: bases of each record of the genome.

    Raises:
        InputError: a line has fewer than three columns, no whole numbers, no bases, a strand that
            is none, or leaves its record; or there are no lines. With the line.
    """
    found = False
    for number, line in feature_lines(path):
        columns = bed_columns(line)
        if is_bed_header(columns):
            continue
        try:
            place = _place(columns, number)
            check_record(place.record, place.end, lengths)
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {number}") from None
        found = True
        yield place
    if not found:
        raise InputError(
            path, "no lines of BED; expected record, start and end", where="whole file"
        )


def read_bed(path: Path, genome: Genome) -> Iterator[tuple[str, Tokens]]:
    """(name, tokens (L,)) of each line: on ``-`` the reverse complement.

    The name is that of the fourth column where the file has one in every line and none twice,
    else NAME:START-END(strand), 1-based and inclusive.

    Raises:
        InputError: as :func:`read_places`.
    """
    by_name = _names_are_unique(path, genome.lengths)
    for place in read_places(path, genome.lengths):
        tokens = genome.fetch(place.record, place.start, place.end)
        if place.strand == "-":
            tokens = dna.reverse_complement(tokens)
        yield (place.name if by_name else place.coordinates), tokens


def _names_are_unique(path: Path, lengths: dict[str, int]) -> bool:
    met: set[bytes] = set()  # digests: names may be long, and there may be millions
    for place in read_places(path, lengths):
        digest = blake2b(place.name.encode(), digest_size=8).digest()
        if not place.name or place.name == "." or digest in met:
            return False
        met.add(digest)
    return True


def _place(columns: list[str], line: int) -> Place:
    interval = bed_interval(columns)
    name = " ".join(interval.name.split())
    return Place(columns[0], interval.start, interval.end, bed_strand(columns), name, line)
