"""Where the records of a FASTA file lie and how long they are, at the speed of reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.storage.compression import read_chunks

_NEWLINE = ord("\n")


@dataclass(frozen=True)
class RecordPlace:
    """One record, as its line ends and ``>`` tell; the bases are not looked at.

    Attributes:
        name: the header up to its first blank.
        start, stop: its bytes in the decompressed file, header included.
        line: of its header.
        bases: how many follow.
    """

    name: str
    start: int
    stop: int
    line: int
    bases: int


def survey_fasta(
    path: str | Path, progress: Callable[[int], object] | None = None
) -> list[RecordPlace]:
    """The records of a plain, gzip or bgzip file, in its order.

    What is no FASTA is found by :func:`pipelines.formats.fasta.read_fasta`; here it may be missed.

    Args:
        progress: told the number of bytes read.

    Raises:
        InputError: the file cannot be read.
    """
    survey = _Survey()
    for chunk in read_chunks(path):
        survey.take(chunk)
        if progress is not None:
            progress(len(chunk))
    return survey.finish()


class _Survey:
    def __init__(self) -> None:
        self.places: list[RecordPlace] = []
        self._position = 0  # bytes before the chunk
        self._line = 1
        self._at_line_start = True
        self._header: bytearray | None = None  # while inside a header line
        self._name = ""
        self._start = -1  # of the open record; none yet
        self._header_line = 0
        self._bases = 0

    def take(self, chunk: bytes) -> None:
        position = 0
        while position < len(chunk):
            if self._header is not None:
                end = chunk.find(b"\n", position)
                stop = len(chunk) if end < 0 else end
                self._header += chunk[position:stop]
                if end >= 0:
                    self._name_record()
                    self._line += 1
                position = stop + 1
                continue
            stop = self._next_header(chunk, position)
            # Compared as numbers: bytes.count is slow for what occurs on every line.
            line_ends = np.frombuffer(chunk, np.uint8, stop - position, position) == _NEWLINE
            newlines = int(np.count_nonzero(line_ends))
            self._bases += stop - position - newlines - chunk.count(b"\r", position, stop)
            self._line += newlines
            if stop < len(chunk):
                self._close(self._position + stop)
                self._start, self._header_line = self._position + stop, self._line
                self._header = bytearray()
            position = stop + 1
        self._at_line_start = chunk.endswith(b"\n")
        self._position += len(chunk)

    def finish(self) -> list[RecordPlace]:
        if self._header is not None:
            self._name_record()
        self._close(self._position)
        return self.places

    def _name_record(self) -> None:
        assert self._header is not None
        # As the reader splits it, which also knows the blanks of Unicode.
        words = self._header.decode(errors="replace").split(maxsplit=1)
        self._name = words[0] if words else ""
        self._header = None

    def _next_header(self, chunk: bytes, position: int) -> int:
        found = chunk.find(b">", position)
        while found >= 0:
            if chunk[found - 1] == _NEWLINE if found else self._at_line_start:
                return found
            found = chunk.find(b">", found + 1)
        return len(chunk)

    def _close(self, stop: int) -> None:
        if self._start >= 0:
            self.places.append(
                RecordPlace(self._name, self._start, stop, self._header_line, self._bases)
            )
        self._bases = 0
