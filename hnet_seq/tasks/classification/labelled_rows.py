"""One row of labelled data, whatever file it comes from: letters, label, split, group, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.formats.table_rows import RowFilter, TableRow, check_letters
from pipelines.formats.table_text import plain_name, plain_number
from pipelines.formats.tables import Table

Split = Literal["train", "validation", "test"]

SPLITS: dict[str, Split | None] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "dev": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "all": None,
}
"""Words for a split, and what they mean; ``all`` says that there is none."""

IDS = ("id", "name")


@dataclass(frozen=True)
class Row:
    """One sequence.

    Attributes:
        place: where it stands, for messages: ``line 3``.
        tokens: (L,) without letter case.
        label: what stands in its column, as it is written; members of a list between semicolons.
        split: None where none is given.
        id: of the column ``id``, else ``name``, else None.
        group: what keeps this row with others, see :class:`GroupRule`; None without a rule.
        lower_case, unknown, ambiguous: shares of the letters that are lower case, N, or another
            code for several bases. The tokens do not tell; an audit has to.
        id_column: that ``id`` was read from, ``id`` or ``name``.
        value: the number that the label is; None where it is none.
        members: of a label that is a list (Parquet); None where it is text.
    """

    place: str
    tokens: Tokens
    label: str
    split: Split | None
    id: str | None
    group: str | None
    lower_case: float
    unknown: float
    ambiguous: float
    id_column: str | None = None
    value: float | None = None
    members: tuple[str, ...] | None = None


@dataclass(frozen=True)
class GroupRule:
    """Which rows belong together: those of one value of a column, or of a part of it.

    Attributes:
        column: its name.
        pattern: its first group is the part; None takes the whole value.
    """

    column: str
    pattern: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, text: str) -> GroupRule:
        """``COLUMN`` or ``COLUMN:REGEX``, such as ``chromosome`` or ``id:^(chr[^:]+)``.

        Raises:
            UsageError: the expression cannot be read, or captures nothing.
        """
        column, colon, expression = text.partition(":")
        if not column.strip() or (colon and not expression):
            raise UsageError("--group-by", f"is {text!r}; expected COLUMN or COLUMN:REGEX")
        if not colon:
            return cls(plain_name(column))
        try:
            pattern = re.compile(expression)
        except re.error as error:
            raise UsageError(
                "--group-by", f"{expression!r} is no regular expression: {error}"
            ) from (None)
        if not pattern.groups:
            raise UsageError(
                "--group-by",
                f"{expression!r} captures nothing; put what names the group in (parentheses)",
            )
        return cls(plain_name(column), pattern)

    def __str__(self) -> str:
        return self.column if self.pattern is None else f"{self.column}:{self.pattern.pattern}"


@dataclass(frozen=True)
class Columns:
    """Which columns of a table mean what, and which rows count; names are compared without case.

    Attributes:
        where: which rows are wanted.
        empty_labels: a row may have an empty label: none of several.
        split: that says where a row belongs, if there is such a column.
        counts: of a sorted library, how often each row was counted in bin 0, 1, ...; the label is
            then the mean bin, and no column.
        beside: columns that are read for something else than what is learned, if they are there.
    """

    sequence: str = "sequence"
    label: str = "label"
    group: GroupRule | None = None
    where: RowFilter = field(default_factory=RowFilter)
    empty_labels: bool = False
    split: str = "split"
    counts: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if plain_name(self.label) == plain_name(self.sequence):
            raise UsageError("label", f"is {self.label!r}, the sequences; name another column")

    def used(self, table: Table) -> list[str]:
        """The names in the table of the columns that mean something.

        Raises:
            InputError: one that must be there is missing, or there twice.
        """
        labels = [(name, "--label") for name in self.counts or (self.label,)]
        options = [(self.sequence, "--sequence-column"), *labels]
        if self.group is not None:
            options.append((self.group.column, "--group-by"))
        names = [
            table.column(name, f"name one so in the header line, or say which with {option}")
            for name, option in options
        ]
        optional = (self.split, *IDS, *self.beside)
        more = [found for name in optional if (found := table.find(name)) is not None]
        return list(dict.fromkeys([*names, *more, *map(table.column, self.where.values)]))


def with_one_spelling(rows: list[Row]) -> list[Row]:
    """The rows, whose labels are whole numbers in one spelling where one has two: 1, 1.0 and +1.

    Labels of one spelling each stay as they are, so that class names are what the file says.
    """
    labels = {row.label for row in rows}
    if len({plain_number(label) for label in labels}) == len(labels):
        return rows
    return [replace(row, label=plain_number(row.label)) for row in rows]


def rows_of_table(
    path: str | Path, columns: Columns | None = None, *, split: Split | None = None
) -> Iterator[Row]:
    """The rows of a table with named columns; columns beyond the known ones are ignored.

    Args:
        columns: which columns mean what; by default ``sequence`` and ``label``.
        split: of all rows, whatever a column ``split`` says.

    Raises:
        InputError: as :meth:`pipelines.formats.tables.Table.rows` and :func:`labelled_row`.
    """
    columns = columns or Columns()
    table = Table(path, expected=(columns.sequence,), where=columns.where)
    columns.used(table)
    table.require_text(columns.sequence)
    id_column = next((name for name in IDS if table.find(name) is not None), None)
    there = split is None and table.find(columns.split) is not None
    split_column = columns.split if there else None
    group = None if columns.group is None else columns.group.column
    labels = columns.counts or (columns.label,)
    named = (columns.sequence, *labels, group, id_column, split_column)
    wanted = [name for name in named if name is not None]
    for row in table.rows(wanted):
        own = split if split_column is None else _split(table.path, row, split_column)
        if columns.counts:
            row.cells[columns.label] = f"{_mean_bin(table, row, columns.counts):.12g}"
        yield labelled_row(
            table.path, row, columns, own, id_column, table.number(row.text(columns.label))
        )


def labelled_row(
    path: Path,
    row: TableRow,
    columns: Columns,
    split: Split | None,
    id_column: str | None,
    value: float | None,
) -> Row:
    """A row from its cells.

    Raises:
        InputError: it has no sequence, label or group, or is not DNA; with its place.
    """
    letters = row.text(columns.sequence)
    check_letters(path, row.where, letters)
    try:
        tokens = dna.encode(letters)
    except InputError as error:
        raise InputError(path, f"sequence, {error}", where=row.where) from None
    cell = row.cells[columns.label]
    label = cell if isinstance(cell, str) else ";".join(cell)
    if not label and not columns.empty_labels:
        raise InputError(
            path, "the label is ''; give the row a label, or remove it", where=row.where
        )
    code = np.frombuffer(letters.encode("ascii"), np.uint8)
    unknown = np.isin(code, (ord("N"), ord("n")))
    return Row(
        row.where,
        tokens,
        label,
        split,
        None if id_column is None else row.text(id_column),
        None if columns.group is None else _group(path, row, columns.group),
        lower_case=float((code >= ord("a")).mean()),
        unknown=float(unknown.mean()),
        ambiguous=float(((tokens == dna.UNKNOWN) & ~unknown).mean()),
        id_column=id_column,
        value=value,
        members=None if isinstance(cell, str) else tuple(cell),
    )


def _mean_bin(table: Table, row: TableRow, bins: tuple[str, ...]) -> float:
    """The mean number of the bins in which a row was counted."""
    counts = [table.number(row.text(name)) for name in bins]
    for name, count in zip(bins, counts, strict=True):
        if count is None or count < 0:
            raise InputError(
                table.path,
                f"{name} is {row.text(name)!r}; expected how often the row was counted there",
                where=row.where,
            )
    total = sum(count or 0 for count in counts)
    if not total:
        raise InputError(table.path, "was counted in no bin; remove the row", where=row.where)
    return sum(at * (count or 0) for at, count in enumerate(counts)) / total


def _split(path: Path, row: TableRow, column: str) -> Split | None:
    word = row.text(column).lower()
    if word not in SPLITS:
        raise InputError(
            path,
            f"the split is {word!r}, not train, dev or test; rename it, or remove the column for a "
            "drawn split",
            where=row.where,
        )
    return SPLITS[word]


def _group(path: Path, row: TableRow, rule: GroupRule) -> str:
    value = row.text(rule.column)
    if rule.pattern is not None:
        match = rule.pattern.search(value)
        if match is None or not match.group(1):
            raise InputError(
                path,
                f"--group-by {rule} finds no group in the {rule.column} {value!r}; change the "
                "expression so that every row has one",
                where=row.where,
            )
        return match.group(1)
    if not value:
        raise InputError(
            path,
            f"the column {rule.column} is empty; --group-by needs a group in every row",
            where=row.where,
        )
    return value
