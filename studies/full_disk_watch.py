"""Changes of files, as studies/full_disk.py counts them: where Python makes them.

Opening to write, writing through ``pipelines/storage/files.py``, fsync, renaming, removing, making
and removing folders. So the same change of the same command can be stopped again and again.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from full_disk_places import Disk

from pipelines.storage import files

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Watch:
    """Counts the changes of files in this process, and sends it a signal in some of them.

    Attributes:
        calls: changes, and the seconds after the start of the first and the last.
        peak: bytes of the disk that a change has found taken.
    """

    def __init__(self, disk: Disk) -> None:
        """There is one in a process: what hears of the changes stays."""
        self._disk, self._owner = disk, os.getpid()
        self.begin()
        write, fsync = files._Remembering.write, os.fsync

        def written(stream: Any, data: Any, /) -> int:
            half = memoryview(data).nbytes // 2
            if half and self.calls + 1 in self._stops:  # and what writes goes on with the rest
                half = write(stream, memoryview(data).cast("B")[:half])
                self._note()
                return half
            self._note()
            return write(stream, data)

        def synced(file: int) -> None:
            self._note()
            fsync(file)

        files._Remembering.write = written  # type: ignore[method-assign]
        os.fsync = synced  # type: ignore[assignment]
        sys.addaudithook(self._hear)

    def begin(self, signum: int = 0, stops: frozenset[int] = frozenset()) -> None:
        """Count anew; in the changes of these numbers, from 1, the signal is sent."""
        self._signum, self._stops, self._began = signum, stops, time.monotonic()
        self.calls, self.first, self.last, self.peak = 0, 0.0, 0.0, 0

    def _hear(self, event: str, about: tuple[Any, ...]) -> None:
        if event in _CHANGES:
            self._note()
        elif event == "open" and isinstance(about[2], int) and about[2] & _WRITES:
            with contextlib.suppress(TypeError, ValueError):
                if Path(os.fsdecode(about[0])).is_relative_to(self._disk.folder):
                    self._note()

    def _note(self) -> None:
        if os.getpid() != self._owner:
            return
        self.calls += 1
        self.last = time.monotonic() - self._began
        self.first = self.first or self.last
        self.peak = max(self.peak, self._disk.used())
        if self.calls in self._stops:
            os.kill(self._owner, self._signum)
