"""Rows that are computed as they are asked for, and kept: a list that fills itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from hnet_seq.results.tables import SHOWN, to_html, to_pandas

if TYPE_CHECKING:
    import pandas

Row = TypeVar("Row")


class Rows(Sequence[Row], Generic[Row]):
    """What a function found, in order. ``len``, an index and :meth:`to_pandas` compute what is due.

    An error in an input comes with the row that it is about.

    Args:
        rows: that are still to be computed.
        columns: of the table.
        record: a row as values by column.
        what: of which there is a row each, for people: ``sequences``.
    """

    def __init__(
        self,
        rows: Iterator[Row],
        columns: Sequence[str],
        record: Callable[[Row], dict[str, Any]],
        what: str,
    ) -> None:
        self._due = rows
        self._rows: list[Row] = []
        self._columns = columns
        self._record = record
        self._what = what

    def __iter__(self) -> Iterator[Row]:
        index = 0
        while self._compute(index + 1) > index:
            yield self._rows[index]
            index += 1

    def __len__(self) -> int:
        return self._compute(None)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        plain = isinstance(index, int) and index >= 0
        self._compute(index + 1 if plain else None)  # type: ignore[operator]
        return self._rows[index]

    def __repr__(self) -> str:
        return f"<{len(self._rows):,} {self._what} so far: list(...), or .to_pandas()>"

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a table; needs pandas."""
        return to_pandas([self._record(row) for row in self], self._columns)

    def _repr_html_(self) -> str:
        more = self._compute(SHOWN + 1) > SHOWN
        shown = [self._record(row) for row in self._rows[:SHOWN]]
        return to_html(shown, self._columns, self._what, more=more)

    def _compute(self, count: int | None) -> int:
        """See to it that there are ``count`` rows, or all; how many there are."""
        missing = None if count is None else max(count - len(self._rows), 0)
        for row in islice(self._due, missing):
            self._rows.append(row)
        return len(self._rows)
