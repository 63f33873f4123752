"""Tables of sequences with a measured number: read, split into training and test rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.train.grouped_draw import Together, draw_groups, kept_together, rank_bins
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.formats.table_rows import RowFilter, TableRow, check_letters
from pipelines.formats.table_text import number_remedy
from pipelines.formats.tables import Table

DRAWS = ("random", "similarity")
"""Words for a split that is drawn, where no column has such a name."""

_BINS = 10  # of what was measured, to draw equal shares of
_BIN_ROWS = 20  # rows of a bin at least
# Validation rows train: the penalty is chosen by folds inside the training rows.
TRAIN = frozenset({"train", "training", "validation", "valid", "val", "dev"})
TEST = frozenset({"test", "testing"})


@dataclass(frozen=True)
class MeasuredTable:
    """N rows.

    Attributes:
        sequences: tokens, flanks not included.
        values: (N,) what was measured.
        lines: (N,) of the file, 1-based; rows of Parquet count from 1.
        is_test: (N,) bool.
        groups: (N,) int; rows of one sequence, on either strand, or of one group, have one number,
            and near copies where the split was drawn by them.
        about: how the split was made, in words.
        is_drawn: whether it was, and no column told it.
    """

    sequences: list[Tokens]
    values: NDArray[np.float64]
    lines: NDArray[np.int64]
    is_test: NDArray[np.bool_]
    groups: NDArray[np.int64]
    about: str = ""
    is_drawn: bool = True

    @property
    def shared(self) -> int:
        """Test rows whose group stands in training too."""
        return int(np.isin(self.groups[self.is_test], self.groups[~self.is_test]).sum())


def read_measured(
    path: str | Path,
    measured: str,
    *,
    sequence: str = "sequence",
    split: str | None = None,
    group: str | None = None,
    where: RowFilter | None = None,
    test_fraction: float = 0.2,
    max_rows: int | None = None,
    seed: int = 0,
) -> MeasuredTable:
    """Read a table, see :class:`pipelines.formats.tables.Table`.

    Args:
        measured, sequence, split, group: names of columns. Without ``split``, or where it is a
            word of ``DRAWS`` and no column, about ``test_fraction`` of the rows is drawn for
            testing, in equal shares of high and low values; copies of a sequence, on either strand,
            and near copies go to one side, and so do rows of one ``group``.
        where: which rows are wanted.
        max_rows: of each side, a random choice.
        seed: of the split and of the choice.

    Raises:
        InputError: an unreadable file, a missing column, near copies without an end where they
            shall be kept together, fewer than two rows on a side; or a row
            without a number, a sequence or a known split; with its line.
        UsageError: a fraction or a number of rows that cannot be meant.
    """
    path = Path(path)
    if not 0 < test_fraction < 1:
        raise UsageError(
            "--test-fraction", f"is {test_fraction}; expected more than 0, less than 1"
        )
    if max_rows is not None and max_rows < 2:
        raise UsageError("--max-rows", f"is {max_rows}; expected 2 or more")
    table = Table(path, expected=(sequence, measured), where=where)
    column = None if split in DRAWS and table.find(split) is None else split
    wanted = [name for name in (measured, sequence, column, group) if name is not None]
    remedy = "name one of these (--measured, --sequence-column, --split, --group)"
    for name in wanted:
        table.column(name, remedy)
    table.require_text(sequence)
    sequences: list[Tokens] = []
    values: list[float] = []
    lines: list[int] = []
    splits: list[bool] = []
    keys: list[str] = []
    for row in table.rows(wanted):
        sequences.append(_tokens(path, row.where, row.text(sequence)))
        values.append(_number(table, row, measured))
        lines.append(row.number)
        if column is not None:
            splits.append(_side(path, row.where, column, row.text(column)))
        if group is not None:
            if not row.text(group):
                raise InputError(
                    path, f"the column {group} is empty; give the row a group", where=row.where
                )
            keys.append(row.text(group))
    measures = np.array(values)
    relations = [keys] if keys else []
    together = kept_together(sequences, dna.COMPLEMENT, *relations)
    about = "by column " + column if column is not None else ""
    is_test = np.array(splits)
    if column is None:
        together, about = _drawn_groups(path, sequences, relations, split, test_fraction, together)
        strata = rank_bins(measures, min(_BINS, len(measures) // _BIN_ROWS))
        is_test = draw_groups(together.groups, strata, test_fraction, seed)
    found = MeasuredTable(
        sequences, measures, np.array(lines), is_test, together.groups, about, column is None
    )
    found = _choose(found, max_rows, seed)
    for name, count in (("train", (~found.is_test).sum()), ("test", found.is_test.sum())):
        if count < 2:
            raise InputError(
                path,
                f"has {count} {name} rows; expected 2 or more on each side "
                "(copies of a sequence and groups are not split)",
            )
    return found


def _drawn_groups(
    path: Path,
    sequences: list[Tokens],
    relations: list[list[str]],
    rule: str | None,
    fraction: float,
    copies: Together,
) -> tuple[Together, str]:
    """What the draw keeps together, and how it is said.

    Tables of mutants hold one sequence in many near copies. Where these are too many for a split
    that keeps them together, copies and groups alone are kept, unless similarity is asked for.
    """
    near = kept_together(sequences, dna.COMPLEMENT, *relations, near=True)
    largest = int(np.bincount(near.groups).max())
    if largest <= (1 - fraction) * len(sequences):
        return near, "at random, near copies of a sequence on one side, either strand"
    if rule == "similarity":
        raise InputError(
            path,
            f"near copies connect {largest:,} of {len(sequences):,} rows, too many to hold out "
            f"{fraction:g}; use --split random, which keeps only copies and groups together",
        )
    return copies, (
        "at random, copies of a sequence on one side, either strand; near copies, which connect "
        f"{largest:,} of {len(sequences):,} rows, are on both"
    )


def _tokens(path: Path, where: str, letters: str) -> Tokens:
    check_letters(path, where, letters)
    try:
        return dna.encode(letters)
    except InputError as error:
        raise InputError(path, f"sequence, {error}", where=where) from None


def _number(table: Table, row: TableRow, name: str) -> float:
    text = row.text(name)
    value = table.number(text)
    if value is None:
        kind = f"{text}" if _is_float(text) else f"{text!r}, not a number"
        raise InputError(table.path, f"{name} is {kind}; {number_remedy(text)}", where=row.where)
    return value


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _side(path: Path, where: str, name: str, text: str) -> bool:
    side = text.lower()
    if side not in TRAIN | TEST:
        raise InputError(
            path,
            f"{name} is {text!r}; expected train, validation (which trains too) or test",
            where=where,
        )
    return side in TEST


def _choose(table: MeasuredTable, max_rows: int | None, seed: int) -> MeasuredTable:
    if max_rows is None:
        return table
    generator = np.random.default_rng(seed)
    kept = np.sort(
        np.concatenate(
            [
                generator.permutation(np.flatnonzero(table.is_test == side))[:max_rows]
                for side in (False, True)
            ]
        )
    )
    return replace(
        table,
        sequences=[table.sequences[index] for index in kept],
        values=table.values[kept],
        lines=table.lines[kept],
        is_test=table.is_test[kept],
        groups=table.groups[kept],
    )
