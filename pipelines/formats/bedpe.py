"""Pairs of stretches of a genome from a BEDPE file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import InputError
from pipelines.formats.annotation import INTEGER, check_record, feature_lines
from pipelines.formats.bed import STRANDS, bed_columns

_ENDS = 6  # columns of the two stretches
_NAME, _STRANDS = 6, (8, 9)


@dataclass(frozen=True)
class BedpeRow:
    """Two stretches, 0-based and half-open, of one record each.

    Attributes:
        opposite: both have a strand, and it is not the same.
        line: of the file, 1-based.
    """

    first: tuple[str, int, int]
    second: tuple[str, int, int]
    name: str
    opposite: bool
    line: int


def bedpe_rows(path: Path, lengths: Mapping[str, int] | None = None) -> Iterator[BedpeRow]:
    """The rows of a BEDPE file (bedtools): chrom1, start1, end1, chrom2, start2, end2, and if they
    are there name, score, strand1, strand2, between tabs or else blanks.

    Args:
        lengths: bases of each record, to check against; None: neither names nor ends are.

    Raises:
        InputError: the file is unreadable, or a line has too few columns, no whole numbers, no
            bases, a strand that is none, or leaves its record; with the line.
    """
    for number, line in feature_lines(path):
        columns = [column.strip() for column in bed_columns(line)]
        try:
            row = _row(columns, number)
            for record, _, end in (row.first, row.second) if lengths is not None else ():
                check_record(record, end, lengths or {})
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {number}") from None
        yield row


def _row(columns: list[str], number: int) -> BedpeRow:
    if len(columns) < _ENDS:
        raise ValueError(
            f"{len(columns)} columns; BEDPE has chrom1, start1, end1, chrom2, start2, end2 and more"
        )
    bounds = [columns[place] for place in (1, 2, 4, 5)]
    if not all(INTEGER.match(text) for text in bounds):
        raise ValueError(f"starts and ends are {', '.join(bounds)}; expected whole numbers")
    start, end, other_start, other_end = map(int, bounds)
    if not (start < end and other_start < other_end):
        raise ValueError("an end is not behind its start; BEDPE counts from 0, and ends are not in")
    strands = [columns[place] if len(columns) > place else "." for place in _STRANDS]
    if wrong := [strand for strand in strands if strand not in STRANDS]:
        raise ValueError(f"the strand is {wrong[0]!r}, expected {', '.join(STRANDS)}")
    return BedpeRow(
        (columns[0], start, end),
        (columns[3], other_start, other_end),
        columns[_NAME] if len(columns) > _NAME else ".",
        "." not in strands and strands[0] != strands[1],
        number,
    )
