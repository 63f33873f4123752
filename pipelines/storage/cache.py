"""Downloaded files on this machine, named by their content and shared by all its processes.

A file takes its name, its sha256, by a rename once it is whole: what has such a name is complete.
Locks are ``flock``s, which the kernel takes from a process that dies; so what a killed process left
is told from what a living one is writing by whether its lock can be had.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from modalities.errors import InputError, UsageError

# Only files with such names are ever removed: the folder may be anybody's.
_NAME = re.compile(r"(?P<sha256>[0-9a-f]{64})(?:\.(?P<bytes>[0-9]+)\.part)?")
_WAIT = 0.2  # seconds between looks at what others still download


def default_cache_dir() -> Path:
    """``$HNET_SEQ_CACHE``, or ``hnet-seq/shards`` in the user's cache folder (``~/.cache``)."""
    if chosen := os.environ.get("HNET_SEQ_CACHE"):
        return Path(chosen)
    # The XDG specification has relative paths ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "hnet-seq" / "shards"


class FileCache:
    """Files of at most ``bound`` bytes together, those included that are being fetched.

    Any number of processes may share a folder; each keeps its own bound. Picklable.
    """

    def __init__(self, folder: str | Path, bound: int) -> None:
        self.folder = Path(folder)
        self.bound = bound

    def open(self, sha256: str, size: int, fetch: Callable[[Path], None], *, what: str) -> BinaryIO:
        """A file of ``size`` bytes, opened: what is open stays readable when it is removed.

        Where another process fetches the same file, this waits for it and takes what it got.

        Args:
            fetch: writes the file to the path it is given, or raises; what it wrote is then gone.
            what: the file's address, for errors.

        Raises:
            UsageError: the file is larger than the bound.
            InputError: the folder cannot be written to or has no locks; or whatever ``fetch``
                raises.
        """
        if size > self.bound:
            raise UsageError(
                what,
                f"has {size:,} bytes, the cache holds {self.bound:,}; raise data.cache_gb above "
                f"{size / 1e9:.3g}, or make smaller shards (hnet-seq shard --shard-size)",
            )
        path = self.folder / sha256
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if (file := _opened(path, size)) is not None:
                return file
            with _locked(self._lock_path(sha256)):
                # Whoever had the lock may have fetched it.
                if (file := _opened(path, size)) is not None:
                    return file
                path.unlink(missing_ok=True)
                part = self._reserve(sha256, size)
                try:
                    fetch(part)
                    _write_through(part)
                    # Whoever counts what is here must meet it under one name, and only one.
                    with _locked(self._count_lock):
                        part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
                    if not path.exists():
                        self._lock_path(sha256).unlink(missing_ok=True)
                file = _opened(path, size)
                assert file is not None, "complete, and nobody else may remove it"
                return file
        except OSError as error:
            raise InputError(
                self.folder,
                f"the cache cannot be used ({error.strerror or error}); make room, or set "
                "HNET_SEQ_CACHE to another folder",
            ) from None

    @property
    def _count_lock(self) -> Path:
        """Held to reserve, to remove and to complete a file; never while waiting for another."""
        return self.folder / "cache.lock"

    def _lock_path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.lock"

    def _reserve(self, sha256: str, size: int) -> Path:
        """Make room for a file whose lock is held; its name tells others how large it will be."""
        part = self.folder / f"{sha256}.{size}.part"
        while True:
            with _locked(self._count_lock):
                if self._make_room(sha256, size):
                    part.touch()
                    return part
            # Others are fetching what fills the cache; once whole, it can be removed.
            time.sleep(_WAIT)

    def _make_room(self, sha256: str, size: int) -> bool:
        """Remove what killed processes left and the least recently used files, until it fits."""
        used = size
        complete: list[tuple[int, str, int]] = []  # time of last use, name, bytes
        for path in list(self.folder.iterdir()):
            found = _NAME.fullmatch(path.name)
            if found is None:
                continue
            if found["bytes"]:
                # The lock of our own file is held here, so its old parts are nobody's.
                if found["sha256"] == sha256:
                    path.unlink(missing_ok=True)
                elif not self._remove(found["sha256"], path):
                    used += int(found["bytes"])
                continue
            with suppress(FileNotFoundError):
                status = path.stat()
                complete.append((status.st_mtime_ns, path.name, status.st_size))
                used += status.st_size
        for _, name, freed in sorted(complete):
            if used <= self.bound:
                break
            if self._remove(name, self.folder / name):
                used -= freed
        return used <= self.bound

    def _remove(self, sha256: str, path: Path) -> bool:
        """Remove a file unless somebody holds its lock."""
        with _locked(self._lock_path(sha256), wait=False) as held:
            if held:
                path.unlink(missing_ok=True)
                if not (self.folder / sha256).exists():
                    self._lock_path(sha256).unlink(missing_ok=True)
            return held


def _opened(path: Path, size: int) -> BinaryIO | None:
    """The file, marked as used now, if it is there and whole."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    if os.fstat(file.fileno()).st_size != size:
        file.close()
        return None
    # The kernel's own stamp is that of its last tick, the same for uses a few milliseconds apart.
    now = time.time_ns()
    with suppress(PermissionError):  # another user's file ages
        os.utime(file.fileno(), ns=(now, now))
    return file


def _write_through(path: Path) -> None:
    # Or a power failure after the rename could leave a name without its content.
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a path; without ``wait``, whether it could be had at once."""
    import fcntl  # Absent on Windows, where local shards still must read.

    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            yield False
            return
        except BaseException:
            os.close(descriptor)
            raise
        # While this waited, the file may have been removed: another one locks that name now.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                break
        os.close(descriptor)
    try:
        yield True
    finally:
        # Closing is not enough where a fork has copied the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
