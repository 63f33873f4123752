"""Tables in parquet, a few rows in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modalities.errors import InputError, printable
from pipelines.documents.fields import Broken, broken, raw_document
from pipelines.documents.options import DocumentOptions
from pipelines.documents.records import Dropped, RawDocument
from pipelines.documents.unit import Unit
from pipelines.storage.compression import sniff

_BUFFER = 1 << 20  # bytes of a column read at once
_ROWS = 64
_ABOUT = ("path", "lang", "language", "license")


def row_group_sizes(path: str) -> list[int]:
    """Uncompressed bytes of each row group.

    Raises:
        InputError: the file is no parquet, or cannot be read.
    """
    with _open(path) as file:
        groups = range(file.metadata.num_row_groups)
        return [file.metadata.row_group(index).total_byte_size for index in groups]


def read_parquet(unit: Unit, options: DocumentOptions) -> Iterator[RawDocument | Dropped]:
    """The rows of the unit's row groups.

    Raises:
        InputError: the file cannot be read, has no column of text, or a row has no text where that
            is an error.
    """
    path = unit.paths[0]
    shown, stem = printable(path), unit.name_of(path)
    with _open(path) as file:
        columns = _columns(file.schema_arrow, path, options)
        row = sum(file.metadata.row_group(index).num_rows for index in range(unit.start))
        batches = file.iter_batches(
            batch_size=_ROWS,
            row_groups=list(range(unit.start, unit.stop)),
            columns=columns,
            use_threads=False,
        )
        for batch in _caught(batches, path):
            for fields in _rows(batch, options.text_field):
                row += 1
                name = f"{stem}@{row}"
                where = partial("row {}".format, row)
                try:
                    yield raw_document(fields, options, file=shown, name=name, where=where)
                except Broken as error:
                    yield broken(
                        error,
                        options,
                        reason="broken_sample",
                        file=shown,
                        name=name,
                        where=where(),
                    )


def _open(path: str) -> pq.ParquetFile:
    if sniff(path, foreign=True) != "plain":
        raise InputError(printable(path), "is compressed Parquet; unpack it")
    try:
        return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _columns(schema: pa.Schema, path: str, options: DocumentOptions) -> list[str]:
    if options.text_field not in schema.names:
        raise InputError(
            printable(path),
            f"no column {options.text_field!r}, found {', '.join(schema.names)}; "
            "name it with --text-field",
        )
    twice = [name for name in (options.text_field, *_ABOUT) if schema.names.count(name) > 1]
    if twice:
        raise InputError(
            printable(path), f"{schema.names.count(twice[0])} columns are {twice[0]!r}; rename them"
        )
    kind = schema.field(options.text_field).type
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(is_kind(values) for is_kind in _TEXT_TYPES):
        raise InputError(
            printable(path),
            f"column {options.text_field!r} is {kind}, expected a string; write it so, or name "
            "another with --text-field",
        )
    return [options.text_field, *(c for c in _ABOUT if c in schema.names)]


_TEXT_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)


def _rows(batch: pa.RecordBatch, text_field: str) -> Iterator[dict[str, Any]]:
    # As binary: a string column need not be UTF-8, whatever its type says.
    text = batch.column(0).cast(pa.large_binary()).to_pylist()
    about = {name: batch.column(name).to_pylist() for name in batch.schema.names[1:]}
    for index, value in enumerate(text):
        yield {text_field: value, **{name: values[index] for name, values in about.items()}}


def _caught(batches: Iterator[pa.RecordBatch], path: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: Exception) -> InputError:
    reason = str(error).splitlines()[0]
    return InputError(
        printable(path), f"cannot be read as parquet ({reason}); fetch or write it again"
    )
