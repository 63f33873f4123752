"""Rows on their way to a file: columns in the folder of a unit, and those of all units end to end.

A folder holds a file for each column, numbers end to end, text one value a line; and ``commits``, a
line for each time that rows of whole items lay in it. Who goes on with the folder of a killed
process cuts off what came after the last of these lines.
"""

from __future__ import annotations

import io
import json
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

TEXT = "text"
_COMMITS = "commits"
_SYNC_SECONDS = 1.0  # between writes to the disk: a machine that goes down loses little
_BUFFER = 1 << 20

Column: TypeAlias = "Sequence[str] | NDArray[Any]"
Columns: TypeAlias = Mapping[str, Column]
Kinds: TypeAlias = Mapping[str, str]
"""Of each column: ``text``, or a numpy type such as ``<i8``, or ``(64,)<f4`` for vectors."""


class Spool:
    """The rows of a unit that is being computed, new or where a killed process stopped.

    Attributes:
        items, rows: committed so far.
    """

    def __init__(self, folder: Path, kinds: Kinds) -> None:
        self._kinds = kinds
        self._files: dict[str, IO[bytes]] = {}
        self.items, self.rows, sizes, log = _committed(folder, kinds)
        for name, size in {**sizes, _COMMITS: log}.items():
            path = folder / name
            path.touch()
            file = self._files[name] = path.open("r+b")
            file.truncate(size)
            file.seek(0, os.SEEK_END)
        self._synced = time.monotonic()

    def append(self, columns: Columns) -> None:
        """Add rows: a value of every column for each."""
        assert columns.keys() == self._kinds.keys()
        counts = {len(values) for values in columns.values()}
        assert len(counts) == 1
        for name, kind in self._kinds.items():
            if kind == TEXT:
                text = "".join(f"{value}\n" for value in columns[name])
                self._files[name].write(text.encode())
            else:
                values = np.ascontiguousarray(columns[name], np.dtype(kind).base)
                self._files[name].write(values.data)
        self.rows += counts.pop()

    def commit(self, items: int) -> None:
        """All rows so far belong to whole items, so many more of these."""
        self.items += items
        *columns, log = self._files.values()
        sync = time.monotonic() - self._synced > _SYNC_SECONDS
        for file in columns:
            file.flush()
            if sync:
                os.fsync(file.fileno())
        texts = [self._files[name].tell() for name in _texts(self._kinds)]
        log.write(f"{json.dumps([self.items, self.rows, *texts])}\n".encode())
        log.flush()
        self._synced = time.monotonic() if sync else self._synced

    def close(self) -> None:
        """Close the files."""
        with ExitStack() as opened:
            for file in self._files.values():
                opened.enter_context(file)


class Rows:
    """Rows of finished spools, end to end.

    Attributes:
        kinds: of the columns, one of numbers among them.
        rows: how many.
    """

    def __init__(self, folders: Sequence[Path], kinds: Kinds) -> None:
        self.kinds = kinds
        self._folders = list(folders)
        name, kind = next((name, kind) for name, kind in kinds.items() if kind != TEXT)
        sizes = [_size(folder / name) // np.dtype(kind).itemsize for folder in self._folders]
        self._ends = list(accumulate(sizes))
        self.rows = self._ends[-1] if self._ends else 0

    def blocks(self, size: int) -> Iterator[Columns]:
        """All rows in order, ``size`` at a time."""
        with self.reading() as take:
            for first in range(0, self.rows, size):
                yield take(min(size, self.rows - first))

    @contextmanager
    def reading(self, names: Sequence[str] | None = None) -> Iterator[Callable[[int], Columns]]:
        """What gives the next so many rows, from the first on; ``names`` of columns, None: all."""
        kinds = {name: self.kinds[name] for name in (self.kinds if names is None else names)}
        with ExitStack() as stack:
            files = {name: stack.enter_context(self.column(name)) for name in kinds}
            yield lambda count: {
                name: _read(files[name], kind, count) for name, kind in kinds.items()
            }

    def column(self, name: str) -> IO[bytes]:
        """The bytes of a column."""
        return io.BufferedReader(_Chain((own / name).open("rb") for own in self._folders), _BUFFER)

    def at(self, name: str, rows: Sequence[int]) -> NDArray[Any]:
        """The values of a column of numbers in these rows, in any order."""
        kind = np.dtype(self.kinds[name])
        found = np.empty(len(rows), kind)
        for index, row in enumerate(rows):
            place = bisect_right(self._ends, row)
            before = self._ends[place - 1] if place else 0
            with (self._folders[place] / name).open("rb") as file:
                file.seek((row - before) * kind.itemsize)
                found[index] = _read(file, self.kinds[name], 1)[0]
        return found


def count_committed(folder: Path, kinds: Kinds) -> int:
    """Items whose rows lie whole in a unit's folder."""
    return _committed(folder, kinds)[0]


def _committed(folder: Path, kinds: Kinds) -> tuple[int, int, dict[str, int], int]:
    """Items, rows, bytes of each column's file and of the log, up to the last commit that holds."""
    items = rows = size = 0
    sizes = dict.fromkeys(kinds, 0)
    there = {name: _size(folder / name) for name in kinds}
    log = folder / _COMMITS
    with log.open("rb") if log.exists() else io.BytesIO() as lines:
        for line in lines:
            try:
                told = json.loads(line) if line.endswith(b"\n") else []
            except ValueError:  # of a machine that went down
                break
            if len(told) != 2 + len(_texts(kinds)):
                break
            ends = dict(zip(_texts(kinds), told[2:], strict=True))
            ends |= {n: told[1] * np.dtype(k).itemsize for n, k in kinds.items() if k != TEXT}
            if any(there[name] < end for name, end in ends.items()):
                break
            (items, rows), sizes, size = told[:2], ends, size + len(line)
    return items, rows, sizes, size


def _texts(kinds: Kinds) -> list[str]:
    return [name for name, kind in kinds.items() if kind == TEXT]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(file: IO[bytes], kind: str, count: int) -> Column:
    if kind == TEXT:
        return [next(file)[:-1].decode() for _ in range(count)]
    own = np.dtype(kind)
    values = np.frombuffer(file.read(count * own.itemsize), own.base)
    return values.reshape(count, *own.shape)


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
