"""One row of a table, and which rows of it are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from modalities.errors import InputError, UsageError
from pipelines.formats.table_text import plain_name, plain_number

# Words for a gap that DNA can spell.
_GAPS = ("NA", "NaN", "nan")


@dataclass(frozen=True)
class TableRow:
    """One row.

    Attributes:
        where: its line or row, for messages: ``line 3``.
        number: of that line, or row of Parquet, from 1.
        cells: by the column's name as it was asked for; text without blanks around it, or a list of
            such where a column of Parquet holds lists. A gap is "".
        fault: what is wrong with the row, which then has no cells; "" for nothing.
    """

    where: str
    number: int
    cells: dict[str, Any]
    fault: str = ""

    def text(self, name: str, between: str = " ") -> str:
        """The cell as text; a list as its members with ``between`` between them."""
        cell = self.cells[name]
        return cell if isinstance(cell, str) else between.join(cell)


@dataclass(frozen=True)
class RowFilter:
    """Which rows of a table are wanted: those with one of the values, in each of the columns."""

    values: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, conditions: Iterable[str]) -> RowFilter:
        """``COLUMN=VALUE`` each; several values of one column are alternatives.

        Raises:
            UsageError: a condition without a column or an equals sign.
        """
        values: dict[str, list[str]] = {}
        for condition in conditions:
            column, equals, value = condition.partition("=")
            if not plain_name(column) or not equals:
                raise UsageError("--where", f"is {condition!r}; expected COLUMN=VALUE")
            values.setdefault(plain_name(column), []).append(value.strip())
        return cls(values)

    def refuses(self, row: TableRow) -> str | None:
        """The value for which the row is not wanted; None for a row that is."""
        for column, wanted in self._wanted.items():
            cell = row.text(column)
            if plain_number(cell) not in wanted:
                return cell
        return None

    @cached_property
    def _wanted(self) -> dict[str, frozenset[str]]:
        """The values as rows are compared with them; there may be millions of rows."""
        return {
            column: frozenset(map(plain_number, values)) for column, values in self.values.items()
        }

    def __str__(self) -> str:
        parts = (f"{column} = {' or '.join(values)}" for column, values in self.values.items())
        return " and ".join(parts)


def check_letters(path: str | Path, where: str, letters: str) -> None:
    """Raise InputError for a cell that is no sequence of DNA but a gap."""
    if not letters:
        raise InputError(path, "the sequence is empty; remove the row", where=where)
    if letters in _GAPS:
        raise InputError(
            path, f"the sequence is {letters!r}, a word for a gap; remove the row", where=where
        )
