"""Labelled sequences of one file: CSV or TSV, plain or gzip, or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from hnet_seq.tasks.classification.labelled_rows import Columns, Row, Split, rows_of
from hnet_seq.tasks.sequences.tables import separator
from modalities.errors import InputError
from pipelines.compression import read_chunks

if TYPE_CHECKING:
    from _csv import Reader as _Reader

_FIELD_LIMIT = 1 << 28  # bytes; the csv module's own limit cuts sequences at 128 KiB
_PARQUET = b"PAR1"
_BATCH = 4096  # rows of a Parquet file as Python strings at a time

Records = Iterator[tuple[str, list[str]]]


def read_table(
    path: str | Path,
    columns: Columns | None = None,
    *,
    split: Split | None = None,
) -> list[Row]:
    """The rows of a table with named columns; columns beyond the known ones are ignored.

    The separator of text is that of the header line, see
    :func:`hnet_seq.tasks.sequences.tables.separator`. Letter case never reaches the model or a
    baseline.

    Args:
        columns: which columns mean what; by default ``sequence`` and ``label``.
        split: of all rows, whatever a column ``split`` says.

    Raises:
        InputError: an unreadable file, no rows, or what
            :func:`hnet_seq.tasks.classification.labelled_rows.rows_of` refuses; with the line and
            the remedy.
    """
    path = Path(path)
    columns = columns or Columns()
    if is_parquet(path):
        table = _parquet(path)
        rows = list(
            rows_of(
                path,
                table.schema.names,
                _parquet_records(path, table),
                columns,
                split=split,
                header_place="columns",
            )
        )
    else:
        reader = _reader(path)
        try:
            header: list[str] = next(reader, [])
            rows = list(
                rows_of(
                    path,
                    header,
                    ((f"line {reader.line_num}", fields) for fields in reader if fields),
                    columns,
                    split=split,
                )
            )
        except csv.Error as error:
            raise InputError(path, f"not CSV: {error}", where=f"line {reader.line_num}") from None
    if not rows:
        raise InputError(path, "holds a header and no rows; add sequences", where="line 2")
    return rows


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does. Its name is not asked."""
    return next(read_chunks(path, chunk=len(_PARQUET)), b"") == _PARQUET


def _reader(path: Path) -> _Reader:
    try:
        text = b"".join(read_chunks(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            path, "not UTF-8 text; expected CSV or TSV, plain or gzip, or Parquet"
        ) from None
    csv.field_size_limit(_FIELD_LIMIT)
    header = text.partition("\n")[0]
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator(header))


def _parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(path, f"damaged Parquet ({reason}); fetch it again") from None


def _parquet_records(path: Path, table: pa.Table) -> Records:
    names = table.schema.names
    for field in table.schema:
        if pa.types.is_nested(field.type):
            table = table.drop_columns([field.name])
    kept = set(table.schema.names)
    row = 0
    for batch in table.to_batches(max_chunksize=_BATCH):
        values = {name: batch.column(name).to_pylist() for name in kept}
        for index in range(batch.num_rows):
            row += 1
            fields = [_text(values[name][index]) if name in kept else "" for name in names]
            yield f"row {row}", fields


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
