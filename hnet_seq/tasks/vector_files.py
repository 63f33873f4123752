"""Vectors on disk, written a part at a time: Parquet, or ``.npy`` with its ids beside it.

Parquet has the columns ``id`` (string), ``length`` (int64, bases) and ``vector`` (list of D
float32). ``.npy`` is one (N, D) float32 array; line i of ``<name>.ids.txt`` names row i.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from modalities.errors import UsageError
from pipelines.files import replaced_file, replaced_path

FORMATS = (".parquet", ".npy")


class VectorWriter(Protocol):
    """Takes the vectors of consecutive sequences."""

    def write(
        self, names: Sequence[str], lengths: Sequence[int], vectors: NDArray[np.float32]
    ) -> None:
        """Append M sequences: their names, lengths (bases) and vectors (M, D)."""


def vector_format(path: Path) -> str:
    """The suffix that decides the format; UsageError where it names none."""
    if path.suffix not in FORMATS:
        raise UsageError(
            "--out", f"{path.name} has no known format; end it in {' or '.join(FORMATS)}"
        )
    return path.suffix


@contextmanager
def open_vectors(
    path: Path, count: int, width: int, described: dict[str, str]
) -> Iterator[VectorWriter]:
    """A writer of ``count`` vectors of ``width``; the file appears when the block ends well.

    Args:
        described: what the vectors are, kept in the schema of a Parquet file.
    """
    is_parquet = vector_format(path) == ".parquet"
    with replaced_path(path) as temporary:
        if is_parquet:
            with _parquet(temporary, width, described) as writer:
                yield writer
        else:
            with replaced_file(path.with_suffix(".ids.txt")) as ids, temporary.open("wb") as file:
                yield _Npy(file, ids, count, width)


@contextmanager
def _parquet(path: Path, width: int, described: dict[str, str]) -> Iterator[VectorWriter]:
    fields = [
        pa.field("id", pa.string()),
        pa.field("length", pa.int64()),
        pa.field("vector", pa.list_(pa.float32(), width)),
    ]
    schema = pa.schema(fields, metadata=described)
    with pq.ParquetWriter(path, schema) as file:
        yield _Parquet(file, schema)


class _Parquet:
    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file = file
        self._schema = schema

    def write(
        self, names: Sequence[str], lengths: Sequence[int], vectors: NDArray[np.float32]
    ) -> None:
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        columns = [pa.array(names, pa.string()), pa.array(lengths, pa.int64()), column]
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema))


class _Npy:
    def __init__(self, file: BinaryIO, ids: TextIO, count: int, width: int) -> None:
        # A header and rows appended to it: a memory map would count as memory in use.
        self._file = file
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._ids = ids

    def write(
        self, names: Sequence[str], lengths: Sequence[int], vectors: NDArray[np.float32]
    ) -> None:
        self._file.write(np.ascontiguousarray(vectors, "<f4").tobytes())
        self._ids.writelines(f"{name}\n" for name in names)
