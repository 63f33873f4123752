"""Sequences of a table, a row at a time: CSV, TSV, Parquet; or of plain lines."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modalities.errors import InputError, UsageError
from pipelines.compression import read_chunks

SEQUENCE, ID = "sequence", "id"
_FIELD_LIMIT = 1 << 28  # characters; the csv module's own limit cuts sequences at 128 KiB
_LINE_LIMIT = 1 << 28  # bytes; a file without line ends is not read whole
_ROWS = 256
_BREAKS = ("\t", "\n", "\r")


@dataclass(frozen=True)
class TextRow:
    """A row before its letters are looked at.

    Attributes:
        where: its line or row, for messages.
        name: of its ``id``, else the 1-based number of the row.
        text: the sequence, without blanks around it.
        label: of the column asked for; None without one.
    """

    where: str
    name: str
    text: str
    label: str | None


def column_names(header: str) -> list[str]:
    """The columns that a header line names, in lower case; [] where it is not CSV."""
    try:
        fields = next(csv.reader([header], delimiter=separator(header)), [])
    except csv.Error:
        return []
    return [_plain(name) for name in fields]


def separator(header: str) -> str:
    """A tab where the header line has one, else whichever of comma and semicolon it has more of.

    Spreadsheets write semicolons where the comma is the decimal mark.
    """
    if "\t" in header:
        return "\t"
    return ";" if header.count(";") > header.count(",") else ","


def read_text_table(path: Path, label: str | None) -> Iterator[TextRow]:
    """Rows of a CSV or TSV file with a header line, plain, gzip or bgzip; see :func:`separator`.

    Args:
        label: the column that becomes ``label``.

    Raises:
        InputError: the file is unreadable, has no rows or no such column; or a row has another
            number of fields, or no sequence; with its line.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    lines = text_lines(path)
    header = next(lines, "")
    # Quoted line ends in a header are read too: the reader takes what follows from ``lines``.
    reader = csv.reader(chain([header], lines), delimiter=separator(header))
    rows = 0
    try:
        names = [_plain(name) for name in next(reader, [])]
        column = _columns(path, names, label, "line 1")
        for fields in reader:
            if not fields:
                continue
            rows += 1
            where = f"line {reader.line_num}"
            if len(fields) != len(names):
                raise InputError(
                    path,
                    f"{len(fields)} fields, but the header names {len(names)}; quote separators "
                    "in text",
                    where=where,
                )
            yield _row(path, where, rows, {name: fields[at] for name, at in column.items()})
    except csv.Error as error:
        raise InputError(path, f"not CSV: {error}", where=f"line {reader.line_num}") from None
    if not rows:
        raise InputError(path, "holds a header and no rows; add sequences", where="line 2")


def read_parquet_table(path: Path, label: str | None) -> Iterator[TextRow]:
    """Rows of a Parquet file, a few in memory at a time.

    Raises:
        InputError: the file is damaged, has no rows, no such column, or no text in it; or a row
            has no sequence; with its row, from 1.
    """
    rows = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = {_plain(name): name for name in file.schema_arrow.names}
            column = _columns(path, list(names), label, None)
            kind = file.schema_arrow.field(names[SEQUENCE]).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise InputError(path, f"column 'sequence' is {kind}, expected strings")
            wanted = [names[name] for name in column]
            for batch in file.iter_batches(_ROWS, columns=wanted, use_threads=False):
                values = {name: batch.column(names[name]).to_pylist() for name in column}
                for index in range(batch.num_rows):
                    rows += 1
                    own = {name: found[index] for name, found in values.items()}
                    yield _row(path, f"row {rows}", rows, own)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            path, f"cannot be read as Parquet ({reason}); fetch or write it again"
        ) from None
    if not rows:
        raise InputError(path, "has no rows; add sequences")


def read_plain_lines(path: Path) -> Iterator[TextRow]:
    """One sequence a line, named by its number among them; blank lines are skipped."""
    rows = 0
    for number, line in enumerate(text_lines(path), 1):
        if line.strip():
            rows += 1
            yield TextRow(f"line {number}", f"{rows}", line.strip(), None)
    if not rows:
        raise InputError(path, "holds no sequences; give FASTA, a table, or one a line")


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends, plain, gzip or bgzip.

    Raises:
        InputError: it is not UTF-8, or has no line ends.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    number = 0
    for chunk in chain(read_chunks(path), [b""]):
        try:
            rest += decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line = number + error.object.count(b"\n", 0, error.start) + 1
            raise InputError(
                path,
                f"byte 0x{error.object[error.start]:02x} is not UTF-8; convert the file's encoding",
                where=f"line {line}",
            ) from None
        *lines, rest = rest.split("\n")
        number += len(lines)
        yield from (f"{line}\n" for line in lines)
        if len(rest) > _LINE_LIMIT:
            raise InputError(path, "the line has no end; is it text?", where=f"line {number + 1}")
    if rest:
        yield rest


def _columns(path: Path, names: list[str], label: str | None, where: str | None) -> dict[str, int]:
    """The place of each column that is wanted."""
    if len(set(names)) != len(names):
        raise InputError(path, "two columns have one name; rename one", where=where)
    if label and _plain(label) in (SEQUENCE, ID):
        raise UsageError("--label", f"is {label!r}; name another column")
    wanted = [SEQUENCE, *([_plain(label)] if label else [])]
    for name in wanted:
        if name not in names:
            raise InputError(
                path,
                f"no column {name!r}, but {', '.join(names) or 'nothing'}; name one so in the "
                "header",
                where=where,
            )
    return {name: names.index(name) for name in dict.fromkeys([*wanted, ID]) if name in names}


def _row(path: Path, where: str, number: int, fields: dict[str, Any]) -> TextRow:
    """A row from its wanted fields, which are text or what Parquet has; None where it is null."""
    text = fields.pop(SEQUENCE)
    if text is None or not text.strip():
        raise InputError(path, "the sequence is empty; remove the row", where=where)
    name = f"{number}"
    if ID in fields:
        name = _text(fields.pop(ID)).strip()
        if not name:
            raise InputError(
                path, "the id is empty; give one, or leave the column out", where=where
            )
        if any(mark in name for mark in _BREAKS):
            raise InputError(path, "the id holds a tab or line end; remove it", where=where)
    label = next((" ".join(_text(value).split()) for value in fields.values()), None)
    return TextRow(where, name, text.strip(), label)


def _text(value: Any) -> str:
    return "" if value is None else f"{value}"


def _plain(name: str) -> str:
    return " ".join(name.lower().split())
