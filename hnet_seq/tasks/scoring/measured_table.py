"""Tables of sequences with a measured number: read, split into training and test rows."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hnet_seq.tasks.sequences.tables import separator, text_lines
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.compression import sniff

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
        groups: (N,) int; rows of one sequence, or of one group, have one number.
    """

    sequences: list[Tokens]
    values: NDArray[np.float64]
    lines: NDArray[np.int64]
    is_test: NDArray[np.bool_]
    groups: NDArray[np.int64]

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
    test_fraction: float = 0.2,
    max_rows: int | None = None,
    seed: int = 0,
) -> MeasuredTable:
    """Read CSV or TSV (plain, gzip, bgzip) or Parquet with a header.

    Args:
        measured, sequence, split, group: names of columns. Without ``split`` a random
            ``test_fraction`` of the rows is for testing; rows of one sequence go to one side, and
            so do those of one ``group``.
        max_rows: of each side, a random choice.
        seed: of the split and of the choice.

    Raises:
        InputError: an unreadable file, a missing column, fewer than two rows on a side; or a row
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
    wanted = [name for name in (measured, sequence, split, group) if name is not None]
    sequences: list[Tokens] = []
    values: list[float] = []
    lines: list[int] = []
    splits: list[bool] = []
    keys: list[str] = []
    for line, row in _rows(path, wanted):
        where = f"line {line}"
        sequences.append(_tokens(path, where, row[sequence]))
        values.append(_number(path, where, measured, row[measured]))
        lines.append(line)
        if split is not None:
            splits.append(_side(path, where, split, row[split]))
        if group is not None:
            if not row[group].strip():
                raise InputError(
                    path, f"the column {group} is empty; give the row a group", where=where
                )
            keys.append(row[group])
    if not lines:
        raise InputError(path, "holds a header and no rows; check how it was made")
    groups = _groups(sequences, keys)
    is_test = np.array(splits) if split is not None else _draw(groups, test_fraction, seed)
    table = MeasuredTable(sequences, np.array(values), np.array(lines), is_test, groups)
    table = _choose(table, max_rows, seed)
    for name, count in (("train", (~table.is_test).sum()), ("test", table.is_test.sum())):
        if count < 2:
            raise InputError(
                path,
                f"has {count} {name} rows; expected 2 or more on each side "
                "(copies of a sequence and groups are not split)",
            )
    return table


def _rows(path: Path, wanted: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    if sniff(path) == "plain":
        with path.open("rb") as file:
            if file.read(4) == b"PAR1":
                return _parquet(path, wanted)
    return _text(path, wanted)


def _text(path: Path, wanted: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    lines = text_lines(path)
    header = next(lines, "")
    reader = csv.reader(chain([header], lines), delimiter=separator(header))
    try:
        names = [name.strip() for name in next(reader, [])]
        place = _columns(path, names, wanted)
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(names):
                raise InputError(
                    path,
                    f"has {len(fields)} fields, and the header has {len(names)}; quote "
                    "separators in text",
                    where=f"line {reader.line_num}",
                )
            yield reader.line_num, {name: fields[place[name]].strip() for name in wanted}
    except csv.Error as error:
        raise InputError(path, f"not CSV: {error}", where=f"line {reader.line_num}") from None


def _parquet(path: Path, wanted: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _columns(path, file.schema_arrow.names, wanted)
            for batch in file.iter_batches(columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    shown = {key: "" if x is None else str(x).strip() for key, x in row.items()}
                    yield number, shown
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:80]
        raise InputError(path, f"is a damaged Parquet file ({reason}); fetch it again") from None


def _columns(path: Path, names: list[str], wanted: list[str]) -> dict[str, int]:
    for name in wanted:
        if name not in names:
            raise InputError(
                path,
                f"no column {name!r}, but {', '.join(names) or 'nothing'}; name one of these "
                "(--measured, --sequence-column, --split, --group)",
                where="line 1",
            )
    return {name: names.index(name) for name in wanted}


def _tokens(path: Path, where: str, letters: str) -> Tokens:
    if not letters:
        raise InputError(path, "the sequence is empty; remove the row", where=where)
    try:
        return dna.encode(letters)
    except InputError as error:
        raise InputError(path, f"sequence, {error}", where=where) from None


def _number(path: Path, where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(
            path, f"{name} is {text!r}, not a number; remove the row", where=where
        ) from None
    if not math.isfinite(value):
        raise InputError(path, f"{name} is {text}; remove the row", where=where)
    return value


def _side(path: Path, where: str, name: str, text: str) -> bool:
    side = text.lower()
    if side not in TRAIN | TEST:
        raise InputError(
            path,
            f"{name} is {text!r}; expected train, validation (which trains too) or test",
            where=where,
        )
    return side in TEST


def _groups(sequences: list[Tokens], keys: list[str]) -> NDArray[np.int64]:
    """Numbers of what belongs together: by sequence, and by key where there are keys."""
    parent = list(range(len(sequences)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    shared: list[Callable[[int], object]] = [lambda index: sequences[index].tobytes()]
    if keys:
        shared.append(lambda index: keys[index])
    for key in shared:
        first: dict[object, int] = {}
        for index in range(len(sequences)):
            other = first.setdefault(key(index), index)
            parent[root(index)] = root(other)
    return np.array([root(index) for index in range(len(sequences))], np.int64)


def _draw(groups: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Whole groups in random order, as they fit into ``fraction`` of the rows."""
    unique, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(unique))
    chosen = np.zeros(len(unique), np.bool_)
    left = round(fraction * len(groups))
    for group in order.tolist():
        # A group that is larger than what is left trains: it could hold most of the rows.
        if counts[group] <= left:
            chosen[group] = True
            left -= int(counts[group])
    picked: NDArray[np.bool_] = chosen[place]
    return picked


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
    return MeasuredTable(
        [table.sequences[index] for index in kept],
        table.values[kept],
        table.lines[kept],
        table.is_test[kept],
        table.groups[kept],
    )
