"""What Parquet holds, for :class:`pipelines.formats.tables.Table`.

Apart, because pyarrow takes as long to import as all that reads text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modalities.errors import InputError

_ROWS = 256  # in memory at a time


def column_types(path: Path) -> list[tuple[str, pa.DataType]]:
    """Name and type of each column; InputError for a damaged file."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    return list(zip(schema.names, schema.types, strict=True))


def holds_text(kind: pa.DataType) -> bool:
    """Whether a column of this type has strings, or nothing."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    of_text = (
        *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null),
    )
    return any(check(kind) for check in of_text)


def rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The values of each row by column; InputError for a damaged file."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(_ROWS, columns=list(columns), use_threads=False):
                values = {name: batch.column(name).to_pylist() for name in columns}
                for index in range(batch.num_rows):
                    yield {name: column[index] for name, column in values.items()}
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120]
    return InputError(path, f"is a damaged Parquet file ({reason}); fetch or write it again")
