"""Rows of a table by the names of its columns: CSV, TSV and Parquet, the same for every verb.

Text is plain, gzip, bgzip or zstd, in UTF-8 with or without a byte order mark, with LF or CRLF. Its
header line tells the separator: a tab where it has one, else whichever of semicolon and comma it
has more of (spreadsheets write semicolons where the comma is the decimal mark). Names of columns
are compared without case. Lines that begin with ``#`` above the header are comments, and so are
those below it that do not have the header's number of fields. An empty cell is the only gap.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from modalities.errors import InputError
from pipelines.formats.table_rows import RowFilter, TableRow
from pipelines.formats.table_text import (
    MOST_VALUES,
    as_number,
    listed,
    other_format,
    plain_name,
    separator,
    shown,
    text_lines,
)
from pipelines.storage.compression import read_chunks, sniff

_FIELD_LIMIT = 1 << 28  # characters; the csv module's own limit cuts sequences at 128 KiB
_PARQUET = b"PAR1"
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')  # the first line of a table that spreadsheets wrote
_DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)")


class Table:
    """A table with named columns; rows are read as they are asked for, in the file's order.

    Attributes:
        path: of the file.
        names: of the columns as the file writes them.
    """

    def __init__(
        self, path: str | Path, *, expected: Iterable[str] = (), where: RowFilter | None = None
    ) -> None:
        """Read the header.

        Args:
            expected: names that a header may have. A line ``#chrom,pos`` is a header and no comment
                where it has one of them.
            where: which rows are wanted.

        Raises:
            InputError: the file is missing, unreadable, JSON, FASTA, or no text.
        """
        self.path = Path(path)
        self._expected = {plain_name(name) for name in expected}
        self._filter = where or RowFilter()
        self.is_parquet = is_parquet(path)
        self._kinds: dict[str, Any] = {}
        self.separator = ","
        if self.is_parquet:
            from pipelines.formats.parquet_table import column_types

            found = column_types(self.path)
            self.names, self._kinds = [name for name, _ in found], dict(found)
        else:
            self.names = self._open()[0]

    @property
    def header_place(self) -> str:
        """Where the names of the columns stand, for messages."""
        return "columns" if self.is_parquet else f"line {self._header_line}"

    def find(self, name: str) -> str | None:
        """The name of a column as the file writes it; None where there is none.

        Raises:
            InputError: the name fits several columns.
        """
        found = [each for each in self.names if plain_name(each) == plain_name(name)]
        if len(found) > 1:
            raise InputError(
                self.path,
                f"two columns have one name, {found[0]!r} and {found[1]!r}; rename one",
                where=self.header_place,
            )
        return found[0] if found else None

    def column(self, name: str, remedy: str = "name one so in the header") -> str:
        """As :meth:`find`, for a column that must be there.

        Raises:
            InputError: there is none, with the names that there are, or several.
        """
        found = self.find(name)
        if found is None:
            there = ", ".join(shown(each) for each in self.names) or "nothing"
            raise InputError(
                self.path,
                f"no column {plain_name(name)!r}, but {there}; {remedy}",
                where=self.header_place,
            )
        return found

    def require_text(self, name: str) -> None:
        """Raise InputError where a column of Parquet holds something else than strings."""
        kind = self._kinds.get(self.column(name))
        if kind is None:
            return
        from pipelines.formats.parquet_table import holds_text

        if not holds_text(kind):
            raise InputError(
                self.path,
                f"column {name!r} is {kind}, expected strings; write it as strings",
                where=self.header_place,
            )

    def rows(
        self, wanted: Sequence[str], *, empty: bool = False, keep_faults: bool = False
    ) -> Iterator[TableRow]:
        """The rows with the cells of some columns.

        Args:
            wanted: names of columns, each as :meth:`column` takes it.
            empty: a table without rows is no error.
            keep_faults: a row with another number of fields comes with its ``fault``.

        Raises:
            InputError: no such column; the file is damaged or has no rows, or none that the filter
                wants; a row has another number of fields than the header, a quote that does not
                close, or is not UTF-8.
        """
        filtered = self._filter.values
        places = {name: self.column(name) for name in [*wanted, *filtered]}
        rows = (
            self._parquet_rows(places) if self.is_parquet else self._text_rows(places, keep_faults)
        )
        count = 0
        met: dict[str, None] = {}  # what other rows have, for the message
        for row in rows:
            other = None if row.fault else self._filter.refuses(row)
            if other is None:
                count += 1
                yield row
            elif len(met) <= MOST_VALUES:
                met[other] = None
        if not count and met:
            raise InputError(self.path, f"no row has {self._filter}; there are {listed(list(met))}")
        if not count and not empty:
            raise InputError(
                self.path,
                "holds a header and no rows; check how it was made",
                where=None if self.is_parquet else f"line {self._header_line + 1}",
            )

    def number(self, text: str) -> float | None:
        """The finite number that a cell holds; None where it holds none.

        The comma is the decimal mark where columns are separated by semicolons.
        """
        if self.separator == ";":
            text = _DECIMAL_COMMA.sub(r"\1.\2", text) if _DECIMAL_COMMA.fullmatch(text) else text
        return as_number(text)

    def _open(self) -> tuple[list[str], Any]:
        """The names, and the csv reader that goes on below them."""
        csv.field_size_limit(_FIELD_LIMIT)
        lines = text_lines(self.path)
        header = ""
        self._lines_above = 0
        for line in lines:
            declared = _SEPARATOR.fullmatch(line) if not self._lines_above else None
            if line.strip() and declared is None and not self._is_comment(line):
                header = line
                break
            self._lines_above += 1
        self.separator = separator(header)
        self._header_line = self._lines_above + 1
        if other := other_format(header):
            raise InputError(
                self.path,
                f"is {other}; write a table, CSV, TSV or Parquet",
                where=self._place(0),
            )
        # Quoted line ends in a header are read too: the reader takes what follows from ``lines``.
        reader = csv.reader(chain([header], lines), delimiter=self.separator, strict=True)
        try:
            names = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            raise self._not_csv(error, 1) from None
        if names and names[0].startswith("#"):
            names[0] = names[0][1:].strip()
        return names, reader

    def _is_comment(self, line: str) -> bool:
        if not line.startswith("#"):
            return False
        names = line[1:].strip().split(separator(line))
        return not self._expected & {plain_name(name.strip(' "')) for name in names}

    def _place(self, line: int) -> str:
        return f"line {self._lines_above + max(line, 1)}"

    def _not_csv(self, error: csv.Error, began: int) -> InputError:
        reason = f"{error}"
        if "unexpected end" in reason or "expected after" in reason:
            reason += '; a quote (") is not closed or not doubled inside a field'
        elif "new-line character" in reason:
            reason = "line ends are CR alone (old Mac text); convert them to LF"
        return InputError(self.path, f"not CSV: {reason}", where=self._place(began))

    def _text_rows(self, places: dict[str, str], keep_faults: bool) -> Iterator[TableRow]:
        names, reader = self._open()
        at = {name: names.index(place) for name, place in places.items()}
        began = reader.line_num + 1
        try:
            for fields in reader:
                line = reader.line_num
                if len(fields) == len(names) and (len(names) == 1 or any(map(str.strip, fields))):
                    number = self._lines_above + line
                    cells = {name: fields[index].strip() for name, index in at.items()}
                    yield TableRow(f"line {number}", number, cells)
                elif any(map(str.strip, fields)) and not fields[0].startswith("#"):
                    fault = (
                        f"{len(fields)} fields, but the header names {len(names)}; quote "
                        "separators in text"
                    )
                    if not keep_faults:
                        raise InputError(self.path, fault, where=self._place(line))
                    number = self._lines_above + line
                    yield TableRow(f"line {number}", number, {}, fault)
                began = line + 1
        except csv.Error as error:
            raise self._not_csv(error, began) from None

    def _parquet_rows(self, places: dict[str, str]) -> Iterator[TableRow]:
        from pipelines.formats.parquet_table import rows

        wanted = list(dict.fromkeys(places.values()))
        for number, values in enumerate(rows(self.path, wanted), 1):
            cells = {name: _cell(values[at]) for name, at in places.items()}
            yield TableRow(f"row {number}", number, cells)


def is_parquet(path: str | Path) -> bool:
    """Whether a file begins as Parquet does. Its name is not asked.

    Raises:
        InputError: the file is missing, unreadable, or Parquet that was compressed once more.
    """
    head = next(read_chunks(path, chunk=len(_PARQUET)), b"")
    if head == _PARQUET and sniff(path) != "plain":
        raise InputError(path, "is compressed Parquet; unpack it")
    return head == _PARQUET


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list):
        return [text for each in value if (text := _cell(each))]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return f"{value}".strip()
