"""Tables that are written some rows at a time: Parquet, or TSV, packed or not, by their names."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.files import replaced_stream

Columns = dict[str, Any]


@contextmanager
def open_table(
    path: Path,
    schema: pa.Schema,
    lines: Callable[[Columns], Iterator[str]],
    to_table: Callable[[Columns], pa.Table] | None = None,
) -> Iterator[Callable[[Columns], object]]:
    """What takes some rows as columns; the file appears when the block ends well.

    Args:
        path: ``.parquet``; ``.gz``, packed TSV; else TSV.
        lines: of TSV, each with its end.
        to_table: for Parquet, where columns are not what the schema says.
    """
    with replaced_stream(path) as raw:
        if path.suffix == ".parquet":
            with pq.ParquetWriter(raw, schema, compression="zstd") as writer:
                made = to_table or (lambda columns: pa.table(columns, schema=schema))
                yield lambda columns: writer.write_table(made(columns))
            return
        with _text(raw, compressed=path.suffix == ".gz") as stream:
            stream.write("\t".join(schema.names) + "\n")
            yield lambda columns: stream.writelines(lines(columns))


@contextmanager
def _text(raw: IO[bytes], *, compressed: bool) -> Iterator[IO[str]]:
    with ExitStack() as stack:
        if compressed:
            # Neither the time nor the temporary name: equal tables are equal files.
            packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0)
            raw = cast(IO[bytes], stack.enter_context(packed))
        yield stack.enter_context(io.TextIOWrapper(raw, encoding="utf-8", newline="\n"))
