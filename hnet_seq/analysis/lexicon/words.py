"""Exact counts of words, however many there are: what memory has no room for waits in files.

A word is the tokens of a chunk, as bytes. Counts that were put into files lie there by a hash of
the word, so that all of one word meet in one file, and one file at a time is added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

FILES = 64
MOST_ROWS = 1 << 21  # distinct words in memory before they go into files
MOST_BYTES = 1 << 28
_NEW_ROWS = 1 << 16  # words that are added up at once
_HASHED = 8  # letters at either end of a word that its hash looks at
_SCHEMA = pa.schema([("word", pa.binary()), ("count", pa.int64())])
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_TOP_BITS = np.uint64(64 - 6)


class WordCounts:
    """How often each word was added.

    Args:
        folder: for the files, which are made where they are needed and go when the block ends.
        most_rows: distinct words in memory.
    """

    def __init__(self, folder: Path, most_rows: int = MOST_ROWS) -> None:
        self._folder = folder
        self._most_rows = most_rows
        self._new: list[pa.Array] = []
        self._new_rows = 0
        self._counted: list[pa.Table] = []
        self._rows = self._bytes = 0
        self._writers: list[Any] = []
        self._open = ExitStack()

    def __enter__(self) -> WordCounts:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        for path in self._paths():
            path.unlink(missing_ok=True)

    def add(self, words: pa.Array) -> None:
        """Count each word of a binary array once."""
        if len(words):
            self._new.append(words)
            self._new_rows += len(words)
            if self._new_rows >= _NEW_ROWS:
                self._count_new()

    def tables(self) -> Iterator[pa.Table]:
        """Columns ``word`` and ``count``; every word is in one table, in one row."""
        self._count_new()
        if not self._writers:
            yield self._joined()
            return
        self._spill()
        self._open.close()
        for path in self._paths():
            with pa.OSFile(f"{path}") as file, pa.ipc.open_stream(file) as stream:
                yield _grouped(stream.read_all())

    def most_frequent(self, size: int) -> tuple[list[bytes], NDArray[np.int64]]:
        """Words and their counts, the most frequent first, then by their letters."""
        best = _SCHEMA.empty_table()
        for table in self.tables():
            both = pa.concat_tables([best, table])
            if both.num_rows > size:
                # Ties at the end are decided by the letters: all of that count come into the sort.
                least = np.partition(both["count"].to_numpy(), -size)[-size]
                both = both.filter(pa.compute.greater_equal(both["count"], int(least)))
            order = [("count", "descending"), ("word", "ascending")]
            best = both.sort_by(order).slice(0, size)
        return best["word"].to_pylist(), best["count"].to_numpy()

    def _count_new(self) -> None:
        if not self._new:
            return
        counted = pa.chunked_array(self._new).value_counts()
        self._new, self._new_rows = [], 0
        table = pa.Table.from_arrays(
            [counted.field("values"), counted.field("counts")], schema=_SCHEMA
        )
        self._counted.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows > self._most_rows or self._bytes > MOST_BYTES:
            self._joined()
            if self._rows > self._most_rows // 2 or self._bytes > MOST_BYTES // 2:
                self._spill()

    def _joined(self) -> pa.Table:
        """All that is in memory as one table."""
        if len(self._counted) != 1:
            self._counted = [_grouped(pa.concat_tables([_SCHEMA.empty_table(), *self._counted]))]
        table = self._counted[0]
        self._rows, self._bytes = table.num_rows, table.nbytes
        return table

    def _spill(self) -> None:
        table = self._joined()
        if not self._writers:
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._paths():
                file = self._open.enter_context(pa.OSFile(f"{path}", "wb"))
                writer = self._open.enter_context(pa.ipc.new_stream(file, _SCHEMA))
                self._writers.append(writer)
        if table.num_rows:
            place = _hashes(table["word"].combine_chunks())
            for index, writer in enumerate(self._writers):
                own = table.filter(pa.array(place == index))
                if own.num_rows:
                    writer.write_table(own)
        self._counted, self._rows, self._bytes = [], 0, 0

    def _paths(self) -> list[Path]:
        return [self._folder / f"{id(self):x}.{index:02d}.words" for index in range(FILES)]


def word_array(letters: NDArray[np.uint8], bounds: NDArray[np.int64]) -> pa.Array:
    """The words between neighbouring bounds (K + 1,) of letters, K binary values."""
    offsets = np.ascontiguousarray(bounds - bounds[0], np.int32)
    data = np.ascontiguousarray(letters[bounds[0] : bounds[-1]])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(bounds) - 1, buffers)


def of_known_letters(
    letters: NDArray[np.uint8], bounds: NDArray[np.int64], symbols: int
) -> NDArray[np.bool_]:
    """(K,) which of the words between bounds (K + 1,) have no letter from ``symbols`` on."""
    unknown = letters[bounds[0] : bounds[-1]] >= symbols
    if not unknown.any():
        return np.ones(len(bounds) - 1, bool)
    counts = np.add.reduceat(unknown, bounds[:-1] - bounds[0], dtype=np.int64)
    known: NDArray[np.bool_] = counts == 0
    return known


def _grouped(table: pa.Table) -> pa.Table:
    found = table.group_by("word", use_threads=False).aggregate([("count", "sum")])
    return pa.Table.from_arrays([found["word"], found["count_sum"]], schema=_SCHEMA)


def _hashes(words: pa.Array) -> NDArray[np.uint64]:
    """(N,) below ``FILES``, by the length and the letters at both ends."""
    if isinstance(words, pa.ChunkedArray):  # of several, or none
        words = pa.concat_arrays(words.chunks)
    _, offsets, data = words.buffers()
    bounds = np.frombuffer(offsets, np.int32)[words.offset : words.offset + len(words) + 1]
    letters = np.frombuffer(data, np.uint8)
    starts, ends = bounds[:-1].astype(np.int64), bounds[1:].astype(np.int64)
    found = (ends - starts).astype(np.uint64)
    for place in range(_HASHED):
        inside = starts + place < ends
        for at in (starts + place, ends - 1 - place):
            letter = np.where(inside, letters[np.where(inside, at, 0)], 0).astype(np.uint64)
            found = (found ^ letter) * _MULTIPLIER
    place_of: NDArray[np.uint64] = found >> _TOP_BITS
    return place_of
