"""Where the sequences of a task lie in a genome: by columns of its tables, or by their ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hnet_seq.evidence.audit.examples import Examples
from hnet_seq.evidence.audit.loci import Coordinates, places_of_ids
from hnet_seq.tasks.classification.labelled_data import tables_of
from hnet_seq.tasks.classification.labelled_rows import Columns
from pipelines.formats.table_rows import TableRow
from pipelines.formats.table_text import as_number
from pipelines.formats.tables import Table

_NAMES = ("chrom", "chromosome", "chr", "seqname", "seqnames", "contig", "#chrom")
_STARTS = ("start", "chromstart", "chrom_start", "begin")
_ENDS = ("end", "chromend", "chrom_end", "stop")


def coordinate_columns(path: Path, columns: Columns) -> tuple[str, ...]:
    """Those of a set's first table that say where its sequences lie; none unless all three."""
    for _, file in tables_of(path)[:1]:
        table = Table(file, expected=(columns.sequence,), where=columns.where)
        return tuple(_wanted(table) or ())
    return ()


def places_of_task(
    path: Path, columns: Columns, splits: dict[str, Examples]
) -> tuple[dict[str, Coordinates] | None, str | None]:
    """Coordinates of the sequences of each split, None where neither columns nor ids tell; and
    what is to be said of rows whose columns do not."""
    found, note = _of_columns(path, columns, splits)
    found = found or _of_ids(splits)
    if found is None or not found.known.any():
        return None, note
    begin, places = 0, {}
    for name, split in splits.items():
        places[name] = found.of(np.arange(begin, begin + len(split)))
        begin += len(split)
    return places, note


def _lengths(splits: dict[str, Examples]) -> np.ndarray:
    return np.array([len(each) for split in splits.values() for each in split.sequences], np.int64)


def _of_ids(splits: dict[str, Examples]) -> Coordinates | None:
    ids: list[str] = []
    for split in splits.values():
        if split.ids is None:
            return None
        ids += split.ids
    return places_of_ids(ids, _lengths(splits))


def _of_columns(
    path: Path, columns: Columns, splits: dict[str, Examples]
) -> tuple[Coordinates | None, str | None]:
    rows: dict[str, tuple[str, int, int]] = {}
    used, wrong = "", ""
    for table, place, row in rows_by_place(path, columns, _wanted):
        used = ", ".join(table)
        name, start, end = (row.text(column) for column in table)
        begin, last = _whole(start), _whole(end)
        placed = bool(name) and 0 <= begin <= last
        rows[place] = (name, begin, last) if placed else ("", -1, -1)
        wrong = wrong or ("" if placed else f"{place}: {', '.join(map(repr, (name, start, end)))}")
    without = sum(begin < 0 for _, begin, _ in rows.values())
    note = None
    if without:
        note = (
            f"{without:,} of {len(rows):,} rows have no place in columns {used}, such as {wrong}; "
            "what lies on or near another is not found of these"
        )
    if without == len(rows):
        return None, note
    found = [rows.get(place, ("", -1, -1)) for split in splits.values() for place in split.names]
    starts, ends = (np.array([each[side] for each in found], np.int64) for side in (1, 2))
    known, spans, lengths = starts >= 0, ends - starts, _lengths(splits)
    from_1 = int((spans + 1 == lengths)[known].sum()) > int((spans == lengths)[known].sum())
    starts = np.where(known, np.maximum(0, starts - from_1), -1)
    return Coordinates([each[0] for each in found], starts, ends, f"columns {used}"), note


def _whole(cell: str) -> int:
    """A place, also as tables write it where a column has gaps (``100.0``); -1 for none."""
    number = as_number(cell)
    return int(number) if number is not None and 0 <= number < 1 << 53 and number % 1 == 0 else -1


def _wanted(table: Table) -> list[str] | None:
    """The columns of a table that say where; None where one is missing."""
    found = []
    for names in (_NAMES, _STARTS, _ENDS):
        name = next((own for each in names if (own := table.find(each)) is not None), None)
        if name is None:
            return None
        found.append(name)
    return found


def rows_by_place(
    path: Path, columns: Columns, wanted: object
) -> Iterator[tuple[list[str], str, TableRow]]:
    """Cells of a task's rows, with the columns and the place as :class:`Examples` names it.

    Args:
        wanted: takes a table, and gives the columns of it that are read; None: not this one.
    """
    assert callable(wanted)
    for _, file in tables_of(path):
        table = Table(file, expected=(columns.sequence,), where=columns.where)
        names = wanted(table)
        if names is None:
            continue
        before = f"{file.relative_to(path)}: " if path.is_dir() else ""
        for row in table.rows(names):
            yield names, f"{before}{row.where}", row
