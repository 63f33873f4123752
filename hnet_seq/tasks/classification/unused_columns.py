"""Columns of a table that no option names: one of them may decide what a row means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hnet_seq.tasks.choices import EVERY
from hnet_seq.tasks.classification.labelled_data import tables_of
from hnet_seq.tasks.classification.labelled_rows import Columns
from modalities.errors import InputError
from pipelines.formats.table_text import MOST_VALUES, listed, plain_name, shown
from pipelines.formats.tables import Table

TASK = "task"
"""A column of this name says which of several tables put together a row is of."""

_NO_TASK = "(empty)"  # rows without a task, among those with one, are of another
_INDEX = "__index_level_"  # of pandas, in Parquet


@dataclass(frozen=True)
class UnusedColumns:
    """Columns that are ignored.

    Attributes:
        values: of each, as far as they are few; more are an empty list.
    """

    values: dict[str, list[str]]

    def __str__(self) -> str:
        """In words; "" where there are none."""
        parts = [f"{shown(name)!r} ({_said(values)})" for name, values in self.values.items()]
        if not parts:
            return ""
        which = f"column {parts[0]} is" if len(parts) == 1 else f"columns {', '.join(parts)} are"
        return f"the {which} ignored; --where COLUMN=VALUE takes some rows"


def _said(values: Sequence[str]) -> str:
    if not values:
        return f"more than {MOST_VALUES} values"
    return f"{len(values)} value{'s' if len(values) > 1 else ''}: {listed(values)}"


def unused_columns(path: str | Path, columns: Columns) -> UnusedColumns:
    """The columns of one table that mean nothing to a classifier, with their values.

    Raises:
        InputError: as :meth:`pipelines.formats.tables.Table.rows`.
    """
    table = Table(path, expected=(columns.sequence,), where=columns.where)
    used = columns.used(table)
    count = Counter(map(plain_name, table.names))
    names = [name for name in table.names if name not in used and count[plain_name(name)] == 1]
    names = [name for name in names if name and not name.startswith(_INDEX)]
    met: dict[str, dict[str, None]] = {name: {} for name in names}
    for row in table.rows(names) if names else ():
        for name in names:
            value = row.text(name) or (_NO_TASK if plain_name(name) == TASK else "")
            if len(met[name]) <= MOST_VALUES and value:
                met[name][value] = None
    few = {name: list(values) for name, values in met.items() if values}
    return UnusedColumns({name: v if len(v) <= MOST_VALUES else [] for name, v in few.items()})


def look_at_columns(path: str | Path, columns: Columns, *, every_task: bool = False) -> list[str]:
    """A note about the columns that are ignored, if there are some, of a file or a folder's first.

    Args:
        every_task: rows of several tasks are meant.

    Raises:
        InputError: rows of several tasks would be learned as one.
    """
    tables = tables_of(Path(path))
    if not tables:
        return []
    unused = unused_columns(tables[0][1], columns)
    for name, values in unused.values.items():
        if plain_name(name) == TASK and len(values) != 1 and not every_task:
            first = next((value for value in values if value != _NO_TASK), "NAME")
            raise InputError(
                tables[0][1],
                f"the column {name!r} ({_said(values)}) is ignored unless a task is chosen, and "
                f"labels may mean other things in each; give --task {first}, or --task {EVERY} for "
                "the rows of all",
            )
    return [f"{unused}"] if unused.values else []
