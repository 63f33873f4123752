"""What the labels of rows mean: classes, several labels a row, or numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.tasks.choices import SEPARATOR, Problem
from hnet_seq.tasks.classification.labelled_rows import Row
from hnet_seq.tasks.classification.written_lists import written_list
from hnet_seq.train.grouped_draw import rank_bins
from modalities.errors import InputError
from pipelines.formats.table_text import as_number, listed, number_remedy

_BINS = 10  # of numbers, to draw equal shares of
_BIN_ROWS = 20  # rows of a bin at least
_MANY = 10  # different numbers that are no whole ones
_MOST_SETS = 50  # of labels that an audit looks at as classes
_GAPS = ("na", "n/a", "nan", "null", "none", "<na>")
_BITS = {"0", "1", "0.", "1.", "0.0", "1.0", "false", "true"}


@dataclass(frozen=True)
class Labels:
    """The labels of N rows.

    Attributes:
        problem: what is learned.
        names: of the classes or labels, sorted; of a number, its column.
        numbers: (N,) of each row's class, or of its set of labels; 0 for numbers.
        sets: what ``numbers`` mean.
        strata: (N,) what a draw takes equal shares of.
        targets: (N, C) of 0 and 1, or (N, 1) numbers; None for classes.
        notes: for the user, a line each.
    """

    problem: Problem
    names: list[str]
    numbers: NDArray[np.int64]
    sets: list[str]
    strata: NDArray[np.int64]
    targets: NDArray[np.float64] | None = None
    notes: list[str] = field(default_factory=list)


def read_labels(
    path: str | Path,
    rows: Sequence[Row],
    column: str,
    problem: Problem | None = None,
    separator: str = SEPARATOR,
) -> Labels:
    """The labels of rows.

    Args:
        column: its name, for numbers and messages.
        problem: what they are; None takes classes, and refuses labels that are plainly numbers or
            lists.
        separator: between several labels of a row.

    Raises:
        InputError: one class or label only; a number that is none; or numbers or lists where no
            problem is given.
    """
    if problem == "regression":
        return _numbers(path, rows, column)
    if problem == "multi-label":
        return _several(path, rows, column, separator)
    if problem is None:
        _refuse_numbers(path, rows, column)
        _refuse_lists(path, rows, column)
    classes = sorted({row.label for row in rows})
    if len(classes) < 2:
        raise InputError(
            path,
            f"all {len(rows)} rows have the label {classes[0]!r}; a classifier needs two classes",
            where=f"column {column}",
        )
    number = {name: index for index, name in enumerate(classes)}
    found = np.array([number[row.label] for row in rows])
    notes = [*_lists_among(classes, separator), *_gaps_among(classes)]
    notes = [] if problem else [*notes, *_cases_among(classes)]
    return Labels("classes", classes, found, classes, found, notes=notes)


def members_of(row: Row, separator: str = SEPARATOR) -> list[str]:
    """The labels of a row, sorted, each once: of a list, or between separators."""
    found = _list_of(row)
    return _labels_of(row.label.split(separator) if found is None else found)


def _labels_of(parts: Sequence[str]) -> list[str]:
    return sorted({part.strip() for part in parts} - {""})


def _list_of(row: Row) -> Sequence[str] | None:
    return written_list(row.label) if row.members is None else row.members


def value_of(path: str | Path, row: Row, column: str) -> float:
    """The number that a row's label is; InputError, with its place, where it is none."""
    if row.value is None:
        raise InputError(
            path,
            f"{column} is {row.label!r}, not a finite number; {number_remedy(row.label)}",
            where=row.place,
        )
    return row.value


def _numbers(path: str | Path, rows: Sequence[Row], column: str) -> Labels:
    values = np.array([value_of(path, row, column) for row in rows])
    if np.ptp(values) == 0:
        raise InputError(
            path,
            f"all {len(rows)} rows have the number {values[0]:g}; there is nothing to learn",
            where=f"column {column}",
        )
    strata = rank_bins(values, min(_BINS, len(values) // _BIN_ROWS))
    zeros = np.zeros(len(rows), np.int64)
    return Labels("regression", [column], zeros, [column], strata, values[:, None])


def _several(path: str | Path, rows: Sequence[Row], column: str, separator: str) -> Labels:
    lists = list(map(_list_of, rows))
    parts = [
        row.label.split(separator) if own is None else own
        for row, own in zip(rows, lists, strict=True)
    ]
    _refuse_vectors(path, parts, column)
    members = list(map(_labels_of, parts))
    names = sorted({name for row in members for name in row})
    if not names:
        raise InputError(path, "no row has a label; check --label", where=f"column {column}")
    number = {name: index for index, name in enumerate(names)}
    targets = np.zeros((len(rows), len(names)))
    for at, own in enumerate(members):
        targets[at, [number[name] for name in own]] = 1
    written = [separator.join(own) for own in members]
    counts = Counter(written)
    sets = sorted(counts)
    place = {name: index for index, name in enumerate(sets)}
    numbers = np.array([place[name] for name in written])
    # Sets that occur once are one stratum, or with many labels nothing could be drawn.
    strata = np.where([counts[name] > 1 for name in written], numbers, -1)
    cut = {name for own, whole in zip(members, lists, strict=True) if whole is None for name in own}
    notes = _lists_among(sorted(cut), separator, asked=True)
    if len(sets) > _MOST_SETS:
        numbers, sets = np.zeros(len(rows), np.int64), ["any labels"]
    if max(map(len, members)) < 2 and not notes:
        notes.append(f"no row has several labels between {separator!r}; see --label-separator")
    if (none := sum(not own for own in members)) > 0:
        notes.append(f"{none:,} of {len(rows):,} rows have none of the labels")
    return Labels("multi-label", names, numbers, sets, strata, targets, notes)


def _refuse_lists(path: str | Path, rows: Sequence[Row], column: str) -> None:
    lists = [found for row in rows if (found := _list_of(row)) is not None]
    if len(lists) == len(rows):
        _refuse_vectors(path, lists, column)
        raise InputError(
            path,
            "the labels are lists; learn several labels a row with --problem multi-label, or each "
            "list as a class with --problem classes",
            where=f"column {column}",
        )


def _refuse_vectors(path: str | Path, parts: Sequence[Sequence[str]], column: str) -> None:
    """Raise InputError where each row says 0 or 1 of every label: names would be lost."""
    length = len(parts[0])
    if length > 1 and all(
        len(own) == length and all(part.strip().lower() in _BITS for part in own) for own in parts
    ):
        raise InputError(
            path,
            f"the labels are vectors of {length} zeros and ones; write the names of those that are "
            "1, with semicolons between",
            where=f"column {column}",
        )


def _refuse_numbers(path: str | Path, rows: Sequence[Row], column: str) -> None:
    if any(row.value is None for row in rows):
        return
    different = len({row.value for row in rows})
    fractions = sum(row.value != round(row.value or 0.0) for row in rows)
    nearly_all = different > max(2, len(rows) // 2)
    if nearly_all or (different > _MANY and fractions > len(rows) // 2):
        raise InputError(
            path,
            f"the labels are numbers, {different:,} different ones in {len(rows):,} rows; learn "
            "them as numbers with --problem regression, or as classes with --problem classes",
            where=f"column {column}",
        )


def _lists_among(classes: Sequence[str], separator: str, *, asked: bool = False) -> list[str]:
    """A note where classes look like joined lists: members that are shared, or classes too.

    Args:
        asked: several labels a row are learned, between separators.
    """
    for mark in dict.fromkeys((separator, ";", ",", "|")):
        if asked and mark == separator:
            continue  # is between them: one inside is that of a list
        joined = [name for name in classes if mark in name]
        members = [part.strip() for name in classes for part in name.split(mark)]
        parts = sorted(set(members) - {""})
        # Names with the mark inside, such as numbers with a comma, seldom share their parts.
        if joined and len(parts) < len(members) and not all(map(_is_number, joined)):
            options = [] if asked else ["--problem multi-label"]
            options += [f"--label-separator {mark!r}"] if asked or mark != SEPARATOR else []
            verb = "looks like a list" if len(joined) == 1 else "look like lists"
            named = " and ".join(repr(name) for name in joined[:3])
            more = f" and {len(joined) - 3} more classes" if len(joined) > 3 else ""
            return [
                f"{named}{more} {verb} of {listed(parts)}; {' '.join(options)} learns several "
                "labels a row"
            ]
    return []


def _is_number(text: str) -> bool:
    return as_number(text.replace(",", ".")) is not None


def _gaps_among(classes: Sequence[str]) -> list[str]:
    found = [name for name in classes if name.lower() in _GAPS]
    if not found:
        return []
    return [f"{listed(found)} is taken for the name of a class; a gap is an empty cell"]


def _cases_among(classes: Sequence[str]) -> list[str]:
    spellings: dict[str, list[str]] = {}
    for name in classes:
        spellings.setdefault(name.lower(), []).append(name)
    found = [" and ".join(map(repr, same)) for same in spellings.values() if len(same) > 1]
    if not found:
        return []
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return [f"{', '.join(found[:3])}{more} differ in case alone, and are classes of their own"]
