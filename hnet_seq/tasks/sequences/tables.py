"""Sequences of a table, a row at a time; or of plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import InputError, UsageError
from pipelines.formats.table_rows import RowFilter
from pipelines.formats.table_text import plain_name, text_lines
from pipelines.formats.tables import Table

SEQUENCE, ID = "sequence", "id"
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


def read_table_sequences(
    path: Path, label: str | None, where: RowFilter | None = None
) -> Iterator[TextRow]:
    """Rows of a table, see :class:`pipelines.formats.tables.Table`.

    Args:
        label: the column that becomes ``label``.
        where: which rows are wanted.

    Raises:
        InputError: as :meth:`pipelines.formats.tables.Table.rows`, or a row has no sequence, or an
            id that is none; with its line or row.
        UsageError: a label that is the sequence or the id.
    """
    if label and plain_name(label) in (SEQUENCE, ID):
        raise UsageError("--label", f"is {label!r}; name another column")
    table = Table(path, expected=(SEQUENCE,), where=where)
    table.require_text(SEQUENCE)
    wanted = [SEQUENCE, *([label] if label else []), *([ID] if table.find(ID) else [])]
    for count, row in enumerate(table.rows(wanted), 1):
        text = row.text(SEQUENCE)
        if not text:
            raise InputError(path, "the sequence is empty; remove the row", where=row.where)
        name = f"{count}"
        if ID in wanted:
            name = row.text(ID)
            if not name:
                raise InputError(
                    path, "the id is empty; give one, or leave the column out", where=row.where
                )
            if any(mark in name for mark in _BREAKS):
                raise InputError(path, "the id holds a tab or line end; remove it", where=row.where)
        found = " ".join(row.text(label).split()) if label else None
        yield TextRow(row.where, name, text, found)


def columns_left_out(path: Path, label: str | None, where: RowFilter | None) -> list[str]:
    """Names of columns that rows neither are chosen by nor keep."""
    used = {SEQUENCE, ID, plain_name(label or "")}
    used |= {plain_name(name) for name in (where.values if where else ())}
    return [
        name for name in Table(path, expected=(SEQUENCE,)).names if plain_name(name) not in used
    ]


def read_plain_lines(path: Path) -> Iterator[TextRow]:
    """One sequence a line, named by its number among them; blank lines are skipped."""
    rows = 0
    for number, line in enumerate(text_lines(path), 1):
        if line.strip():
            rows += 1
            yield TextRow(f"line {number}", f"{rows}", line.strip(), None)
    if not rows:
        raise InputError(path, "holds no sequences; give FASTA, a table, or one a line")
