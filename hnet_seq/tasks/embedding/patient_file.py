"""A file for HDF5, which crashes or hangs where it cannot write: it is told that all is well."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any


class PatientFile(io.FileIO):
    """A new file; what the disk refuses is kept in memory, and read back from there.

    HDF5 reads again what it wrote, and must be able to close its file. Whoever writes much asks
    for ``refused`` in between, and stops.

    Attributes:
        refused: what the system said first.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+b")
        self.refused: OSError | None = None
        self._lost: list[tuple[int, bytes]] = []
        self._size = 0

    def write(self, data: Any, /) -> int:
        """All of it."""
        view, at = memoryview(data).cast("B"), self.tell()
        rest = view
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.refused = self.refused or error
        if self.refused:  # also what was written, for it may lie over something lost
            self._lost.append((at, bytes(view)))
            super().seek(at + len(view))
        self._size = max(self._size, at + len(view))
        return len(view)

    def readinto(self, buffer: Any, /) -> int:
        """As many bytes as there is room for; zeros where nothing was written."""
        view, at = memoryview(buffer).cast("B"), self.tell()
        found = super().readinto(view) or 0
        view[found:] = bytes(len(view) - found)
        for start, content in self._lost:
            first, last = max(at, start), min(at + len(view), start + len(content))
            if first < last:
                view[first - at : last - at] = content[first - start : last - start]
        super().seek(at + len(view))
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """The end is where it would be on a disk with room."""
        if whence == os.SEEK_END:
            return super().seek(self._size + offset)
        return super().seek(offset, whence)

    def truncate(self, size: int | None = None, /) -> int:
        """Make the file so long."""
        self._size = self.tell() if size is None else size
        try:
            super().truncate(self._size)
        except OSError as error:
            self.refused = self.refused or error
        return self._size
