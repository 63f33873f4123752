"""Rows that lie in folders, read in order: those of one spool, or of several as if they were one.

A folder holds ``vectors.npy`` (a header of fixed size, then rows) and a file for each further
column: numbers end to end, text one value a line.
"""

from __future__ import annotations

import io
import json
import shutil
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipelines.files import replaced_stream, sync, take_place

VECTORS, STATE, TEXT = "vectors.npy", "state.json", "text"
_BLOCK_BYTES = 1 << 24

Column: TypeAlias = "Sequence[str] | NDArray[Any]"


@dataclass(frozen=True)
class Block:
    """Consecutive rows: further columns by name, and vectors (R, D) float32."""

    first: int
    columns: dict[str, Column]
    vectors: NDArray[np.float32]


class SpooledRows:
    """Rows of D float32 with further columns.

    Attributes:
        folder: where they lie.
        width: D.
        columns: the kind of each further column: ``text``, or a numpy type such as ``<i8``.
        rows: how many.
    """

    def __init__(self, folder: Path, width: int, columns: Mapping[str, str]) -> None:
        self.folder = folder
        self.width = width
        self.columns = dict(columns)
        self.rows = 0

    def move_array(self, path: Path) -> None:
        """Make ``path`` the ``.npy`` file of all vectors; the rows are gone then."""
        sync(self.folder / VECTORS)
        take_place(self.folder / VECTORS, path)

    def blocks(self) -> Iterator[Block]:
        """All rows in order, some megabytes at a time."""
        size = self.block_rows
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(self._reader(name)) for name in (VECTORS, *self.columns)
            }
            for first in range(0, self.rows, size):
                count = min(size, self.rows - first)
                vectors = np.frombuffer(files[VECTORS].read(4 * count * self.width), "<f4")
                columns: dict[str, Column] = {}
                for name, kind in self.columns.items():
                    if kind == TEXT:
                        lines = [next(files[name]) for _ in range(count)]
                        columns[name] = [line[:-1].decode() for line in lines]
                    else:
                        data = files[name].read(count * np.dtype(kind).itemsize)
                        columns[name] = np.frombuffer(data, kind)
                yield Block(first, columns, vectors.reshape(count, self.width))

    @property
    def block_rows(self) -> int:
        """Rows of a block: a multiple of 16, so that stored chunks need not straddle two."""
        return max(16, _BLOCK_BYTES // (4 * self.width) // 16 * 16)

    def vectors_at(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """(len(rows), D) of these rows, in any order."""
        found = np.empty((len(rows), self.width), np.float32)
        for index, row in enumerate(rows):
            folder, place = self._place(row)
            with open_column(folder, VECTORS, self.width) as file:
                file.seek(4 * self.width * place, io.SEEK_CUR)
                found[index] = np.frombuffer(file.read(4 * self.width), "<f4")
        return found

    def _place(self, row: int) -> tuple[Path, int]:
        """The folder that a row is in, and its number there."""
        return self.folder, row

    def _reader(self, name: str) -> IO[bytes]:
        """A column's file from its first row on."""
        return open_column(self.folder, name, self.width)


class JoinedRows(SpooledRows):
    """Rows of several finished spools, end to end.

    Attributes:
        seconds: of computing, of all of them.
    """

    def __init__(
        self, folder: Path, width: int, columns: Mapping[str, str], parts: Sequence[Path]
    ) -> None:
        super().__init__(folder, width, columns)
        self._parts = list(parts)
        states = [json.loads((part / STATE).read_bytes()) for part in self._parts]
        self._ends = np.cumsum([state["rows"] for state in states]).tolist()
        self.rows = self._ends[-1]
        self.seconds = float(sum(state["seconds"] for state in states))

    def move_array(self, path: Path) -> None:
        """Make ``path`` a copy of all vectors."""
        with replaced_stream(path) as file, self._reader(VECTORS) as vectors:
            write_header(file, self.rows, self.width)
            shutil.copyfileobj(vectors, file, 1 << 20)

    def _place(self, row: int) -> tuple[Path, int]:
        part = bisect_right(self._ends, row)
        return self._parts[part], row - (self._ends[part - 1] if part else 0)

    def _reader(self, name: str) -> IO[bytes]:
        chain = _Chain(open_column(part, name, self.width) for part in self._parts)
        return io.BufferedReader(chain, 1 << 20)


class _Chain(io.RawIOBase):
    """Files one after another, each opened when its turn comes."""

    def __init__(self, files: Iterator[IO[bytes]]) -> None:
        self._files = files
        self._file = next(files, None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._file is not None:
            count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
            if count:
                return count
            self._file.close()
            self._file = next(self._files, None)
        return 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()


def open_column(folder: Path, name: str, width: int) -> IO[bytes]:
    """A spool's file of a column, or of its vectors, at the first row."""
    file = (folder / name).open("rb")
    if name == VECTORS:
        file.seek(header_size(width))
    return file


def write_header(file: IO[bytes], rows: int, width: int) -> None:
    """The header of ``vectors.npy``, at the place where the file is."""
    before = file.tell()
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
    # numpy leaves room for the first axis to grow: the size does not depend on the rows.
    np.lib.format.write_array_header_1_0(file, header)
    assert file.tell() - before == header_size(width)


def header_size(width: int) -> int:
    """Bytes of the header, whatever the number of rows."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (0, width)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.tell()
