"""One row of labelled data, whatever file it comes from: letters, label, split, group, checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

Split = Literal["train", "validation", "test"]

SPLITS: dict[str, Split | None] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "dev": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "all": None,
}
"""Words for a split, and what they mean; ``all`` says that there is none."""

_NO_LABEL = {"", "nan", "na", "n/a", "null", "none", "<na>"}
_IDS = ("id", "name")
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


@dataclass(frozen=True)
class Row:
    """One sequence.

    Attributes:
        place: where it stands, for messages: ``line 3``.
        tokens: (L,) without letter case.
        label: the class as it is written.
        split: None where none is given.
        id: of the column ``id``, else ``name``, else None.
        group: what keeps this row with others, see :class:`GroupRule`; None without a rule.
        lower_case, unknown, ambiguous: shares of the letters that are lower case, N, or another
            code for several bases. The tokens do not tell; an audit has to.
        id_column: that ``id`` was read from, ``id`` or ``name``.
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
    """Which columns of a table mean what; names are compared without case."""

    sequence: str = "sequence"
    label: str = "label"
    group: GroupRule | None = None


def plain_name(name: str) -> str:
    """A column's name in lower case, blanks joined."""
    return " ".join(name.lower().split())


def plain_number(label: str) -> str:
    """``0`` for ``0.0``, which is how a column of numbers with a gap is written; else the label."""
    whole = _WHOLE.fullmatch(label)
    return label if whole is None else whole[1]


def with_one_spelling(rows: list[Row]) -> list[Row]:
    """The rows, whose labels are whole numbers in one spelling where one has two: 0 and 0.0.

    Labels of one spelling each stay as they are, so that class names are what the file says.
    """
    labels = {row.label for row in rows}
    if len({plain_number(label) for label in labels}) == len(labels):
        return rows
    return [replace(row, label=plain_number(row.label)) for row in rows]


def rows_of(
    path: Path,
    header: Sequence[str],
    records: Iterable[tuple[str, Sequence[str]]],
    columns: Columns,
    *,
    split: Split | None = None,
    header_place: str = "line 1",
) -> Iterator[Row]:
    """Rows from the fields of a table, each with its place.

    Args:
        header: names of the columns; those beyond the known are ignored.
        records: (place, fields) of each row.
        split: of all rows; None reads the column ``split`` where there is one.

    Raises:
        InputError: a column that is missing or there twice; or a row that is empty, not DNA, of
            the wrong number of fields, without a label or group, or of an unknown split.
    """
    names = [plain_name(name) for name in header]
    number = {name: index for index, name in enumerate(names)}
    sequence, label = plain_name(columns.sequence), plain_name(columns.label)
    asked = [(sequence, "--sequence-column"), (label, "--label")]
    if columns.group is not None:
        asked.append((columns.group.column, "--group-by"))
    for name, option in asked:
        if name not in number:
            raise InputError(
                path,
                f"no column {name!r}, but {', '.join(names) or 'nothing'}; name one so in the "
                f"header line, or say which with {option}",
                where=header_place,
            )
    if len(number) != len(names):
        raise InputError(path, "two columns have one name; rename one", where=header_place)
    id_column = next((name for name in _IDS if name in number), None)
    for place, fields in records:
        if len(fields) != len(names):
            raise InputError(
                path,
                f"{len(fields)} fields, but the header names {len(names)}; quote separators in "
                "text",
                where=place,
            )
        if split is None and "split" in number:
            own = _split(path, place, fields[number["split"]])
        else:
            own = split
        group = None
        if columns.group is not None:
            group = _group(path, place, fields[number[columns.group.column]], columns.group)
        yield _row(
            path,
            place,
            fields[number[sequence]],
            fields[number[label]].strip(),
            own,
            None if id_column is None else fields[number[id_column]].strip(),
            id_column,
            group,
        )


def _row(
    path: Path,
    place: str,
    letters: str,
    label: str,
    split: Split | None,
    id: str | None,
    id_column: str | None,
    group: str | None,
) -> Row:
    letters = letters.strip()
    if not letters:
        raise InputError(path, "the sequence is empty; remove the row", where=place)
    try:
        tokens = dna.encode(letters)
    except InputError as error:
        raise InputError(path, f"sequence, {error}", where=place) from None
    if label.lower() in _NO_LABEL:
        raise InputError(
            path, f"the label is {label!r}; give the row a class, or remove it", where=place
        )
    code = np.frombuffer(letters.encode("ascii"), np.uint8)
    unknown = np.isin(code, (ord("N"), ord("n")))
    return Row(
        place,
        tokens,
        label,
        split,
        id,
        group,
        lower_case=float((code >= ord("a")).mean()),
        unknown=float(unknown.mean()),
        ambiguous=float(((tokens == dna.UNKNOWN) & ~unknown).mean()),
        id_column=id_column,
    )


def _split(path: Path, place: str, word: str) -> Split | None:
    word = word.strip().lower()
    if word not in SPLITS:
        raise InputError(
            path,
            f"the split is {word!r}, not train, dev or test; rename it, or remove the column for a "
            "drawn split",
            where=place,
        )
    return SPLITS[word]


def _group(path: Path, place: str, value: str, rule: GroupRule) -> str:
    value = value.strip()
    if rule.pattern is not None:
        match = rule.pattern.search(value)
        if match is None or not match.group(1):
            raise InputError(
                path,
                f"--group-by {rule} finds no group in the {rule.column} {value!r}; change the "
                "expression so that every row has one",
                where=place,
            )
        return match.group(1)
    if not value:
        raise InputError(
            path,
            f"the column {rule.column} is empty; --group-by needs a group in every row",
            where=place,
        )
    return value
