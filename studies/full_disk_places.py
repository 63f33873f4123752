"""Where the commands of studies/full_disk.py write: a disk whose size can be changed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096  # bytes, of which a disk in memory is made
_REMOUNT, _DETACH = 32, 2  # of mount and umount2


class Disk:
    """A file system in memory whose size can be changed; without one, any folder.

    Mounting needs a namespace of one's own: see `in_own_namespace`.
    """

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.mounted = mounted

    @classmethod
    @contextlib.contextmanager
    def made(cls, folder: Path, mounted: bool) -> Iterator[Disk]:
        """A new folder, and gone afterwards."""
        disk = cls(folder, mounted=mounted)
        folder.mkdir()
        if mounted:
            disk._mount(0, "size=1g")
            (folder / "ballast").write_bytes(bytes(PAGE))
        try:
            yield disk
        finally:
            if mounted:
                ctypes.CDLL(None).umount2(f"{folder}".encode(), _DETACH)

    def resize(self, pages: int | None) -> None:
        """Leave so many free pages of 4,096 bytes, or more than enough."""
        if self.mounted:
            size = "1g" if pages is None else f"{(1 + pages) * PAGE}"  # 0 would be no limit
            self._mount(_REMOUNT, f"size={size}")

    def used(self) -> int:
        """Bytes."""
        about = os.statvfs(self.folder)
        return (about.f_blocks - about.f_bfree) * about.f_frsize - PAGE if self.mounted else 0

    def _mount(self, flags: int, options: str) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        words = (b"tmpfs", f"{self.folder}".encode(), b"tmpfs", flags, options.encode())
        if library.mount(*words):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def in_own_namespace() -> bool:
    """Whether file systems can be mounted here; starts this program anew where that helps."""
    if "HNET_SEQ_STUDY" not in os.environ:
        environment = {**os.environ, "HNET_SEQ_STUDY": "1"}
        words = ["unshare", "--user", "--map-root-user", "--mount"]
        if os.system(f"{' '.join(words)} true 2>/dev/null") == 0:
            os.execvpe("unshare", [*words, sys.executable, *sys.argv], environment)
        return False
    return True


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file by its path in the folder; of a folder without files, nothing."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[f"{path.relative_to(folder)}"] = path.read_bytes()
        elif path.is_dir() and not any(path.iterdir()):
            found[f"{path.relative_to(folder)}/"] = b""
    return found


def lay(found: dict[str, bytes], folder: Path) -> None:
    """What `files` has found, in an empty folder."""
    for name, content in found.items():
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content)
