"""Lines of a BED file, read the same wherever BED is taken.

Three or more columns between tabs or else blanks; ``track``, ``browser`` and comment lines are
skipped, and so is a first line that names the columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import InputError
from pipelines.formats.annotation import INTEGER, check_record, feature_lines

STRANDS = ("+", "-", ".")
_STARTS = ("start", "chromstart", "chrom_start", "txstart", "begin", "from")
_ENDS = ("end", "chromend", "chrom_end", "txend", "stop", "to")
_STRAND_AT = 5
_OF_BLOCKS = 12  # columns


@dataclass(frozen=True)
class BedRow:
    """Bases ``start`` (0-based) to ``end`` (exclusive) of a record, and the line that says so.

    Attributes:
        name: of column 4, "" without.
        columns: all of the line.
    """

    record: str
    start: int
    end: int
    name: str
    line: int
    columns: list[str]

    @property
    def strand(self) -> str:
        """Of column 6, ``.`` where there is none; ValueError for one that is none."""
        strand = self.columns[_STRAND_AT].strip() if len(self.columns) > _STRAND_AT else "."
        if strand not in STRANDS:
            raise ValueError(f"the strand is {strand!r}, expected {', '.join(STRANDS)}")
        return strand

    @property
    def has_blocks(self) -> bool:
        """Whether the row is of several blocks, as a transcript of exons is."""
        return len(self.columns) >= _OF_BLOCKS and self.columns[9].strip() not in (
            "",
            "0",
            "1",
            ".",
        )

    @property
    def blocks(self) -> list[tuple[int, int]]:
        """Start and end of each block, 0-based, in the order of the record; the span without any.

        Raises:
            ValueError: the columns of blocks (10 to 12) do not say blocks inside the span.
        """
        if len(self.columns) < _OF_BLOCKS or self.columns[9].strip() in ("", "0", "."):
            return [(self.start, self.end)]
        count, *lists = (text.strip() for text in self.columns[9:12])
        sizes, starts = ([part.strip() for part in text.rstrip(",").split(",")] for text in lists)
        if not all(INTEGER.match(text) for text in (count, *sizes, *starts)):
            raise ValueError("a block count, size or start (columns 10 to 12) is no whole number")
        if not int(count) == len(sizes) == len(starts):
            raise ValueError(
                f"the block count is {count}, with {len(sizes)} sizes and {len(starts)} starts"
            )
        found = [
            (self.start + int(start), self.start + int(start) + int(size))
            for start, size in zip(starts, sizes, strict=True)
        ]
        ends = [self.start, *(end for _, end in found)]
        inside = found[0][0] == self.start and found[-1][1] == self.end
        apart = all(
            before <= start < end for before, (start, end) in zip(ends, found, strict=False)
        )
        if not (inside and apart):
            raise ValueError(
                "the blocks (columns 10 to 12) overlap, are out of order, have no bases, or do not "
                "begin and end with the row"
            )
        return found


def bed_rows(
    path: Path, lengths: Mapping[str, int] | None = None, *, strands: bool = False
) -> Iterator[BedRow]:
    """The rows of a BED file in its order; nothing is merged.

    Args:
        lengths: bases of each record, to check names and ends against; None checks neither.
        strands: of rows will be asked for, so a header may not have them elsewhere.

    Raises:
        InputError: the file is unreadable; a header names other columns than BED has; a line has
            fewer than three columns, no whole numbers, no bases, or leaves its record; with the
            line.
    """
    first = True
    comment: tuple[int, list[str]] | None = None  # that names columns, as UCSC writes them
    for number, line in feature_lines(path, comments=True):
        columns = bed_columns(line.removeprefix("#"))
        if line.startswith("#"):
            comment = (number, columns) if first and names_bed_columns(columns) else comment
            continue
        if is_bed_header(columns):
            continue
        if first and names_bed_columns(columns):
            _check_names(path, number, columns, strands)
            continue
        # A remark may begin with such words as well, but seldom has as many of them as rows have.
        if first and comment is not None and len(comment[1]) == len(columns):
            _check_names(path, *comment, strands)
        try:
            row = _row(columns, number, first=first)
            if lengths is not None:
                check_record(row.record, row.end, lengths)
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {number}") from None
        first = False
        yield row


def count_with_blocks(path: Path) -> int:
    """How many rows are of several blocks."""
    return sum(row.has_blocks for row in bed_rows(path))


def looks_like_bed(line: str) -> bool:
    """Whether a line has the three columns of BED, or names them."""
    columns = bed_columns(line.rstrip("\r\n"))
    return names_bed_columns(columns) or (
        len(columns) >= 3 and all(INTEGER.match(text) for text in columns[1:3])
    )


def bed_columns(line: str) -> list[str]:
    """Columns of a line of BED, between tabs or else blanks."""
    return line.split("\t") if "\t" in line else line.split()


def is_bed_header(columns: list[str]) -> bool:
    """Whether a line speaks to a genome browser; a record may have such a name as well."""
    words = columns[0].split()
    return (
        bool(words)
        and words[0] in ("track", "browser")
        and not (len(columns) >= 3 and INTEGER.match(columns[1]))
    )


def names_bed_columns(columns: list[str]) -> bool:
    """Whether a line names the columns of BED: a second that is a start, a third that is an end."""
    if len(columns) < 3:
        return False
    start, end = (name.strip(' "').lower() for name in columns[1:3])
    return start in _STARTS and end in _ENDS


def _check_names(path: Path, line: int, columns: list[str], strands: bool) -> None:
    """Raise InputError for a header of a table that is not BED, though it has starts and ends."""
    names = [name.strip(' "').lower() for name in columns]
    if names[0] == "seqnames":
        raise InputError(
            path,
            "the header is that of a table of ranges from R, which count from 1; write BED of them "
            "(rtracklayer: export.bed)",
            where=f"line {line}",
        )
    if strands and "strand" in names and names.index("strand") != _STRAND_AT:
        raise InputError(
            path,
            f"the header has the strand in column {names.index('strand') + 1}, and BED in column "
            f"{_STRAND_AT + 1}, after name and score; put it there",
            where=f"line {line}",
        )


def _row(columns: list[str], line: int, *, first: bool) -> BedRow:
    if len(columns) < 3:
        raise ValueError(
            f"{len(columns)} columns, expected record, start and end (BED) between tabs"
        )
    if not columns[0].strip():
        raise ValueError("the line begins with a tab; expected the name of a record")
    for name, text in (("start", columns[1]), ("end", columns[2])):
        if not INTEGER.match(text):
            hint = _instead(columns, first)
            raise ValueError(f"the {name} is {text!r}, expected a whole number of bases{hint}")
    start, end = int(columns[1]), int(columns[2])
    if start == end:
        raise ValueError(
            f"the start and the end are both {start}, so it has no bases: BED counts from 0 and "
            "ends before its end; correct or remove it"
        )
    if start > end:
        raise ValueError(f"the end, {end}, lies before the start, {start}; swap them")
    return BedRow(columns[0], start, end, columns[3] if len(columns) > 3 else "", line, columns)


def _instead(columns: list[str], first: bool) -> str:
    """What a line may be that is no place of BED, for a message."""
    if len(columns) in (8, 9) and all(INTEGER.match(text) for text in columns[3:5]):
        return "; this looks like GFF, whose columns are others: write BED"
    if len(columns) >= 8 and INTEGER.match(columns[1]) and not INTEGER.match(columns[2]):
        return "; this looks like VCF, whose rows are variants and no sequences: write BED"
    return "; a header of BED names chrom, start, end" if first else ""
