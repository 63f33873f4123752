"""Temporary files that say which process writes them, and what killed processes left of theirs."""

from __future__ import annotations

import os
import re
import shutil
import zlib
from contextlib import suppress
from pathlib import Path

_LEFT = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.tmp")
_swept: set[Path] = set()


def temporary_name(path: Path) -> Path:
    """Beside ``path``: what this process calls it until it is whole."""
    return path.with_name(f".{path.name}.{_place()}-{os.getpid()}.tmp")


def sweep(folder: Path) -> None:
    """Take away what dead processes of this machine left in a folder; once for each folder."""
    folder = folder.resolve()
    if folder in _swept:
        return
    _swept.add(folder)
    for entry in list(os.scandir(folder)):
        found = _LEFT.fullmatch(entry.name)
        if found and found[1] == _place() and not _lives(int(found[2])):
            remove(Path(entry.path))


def remove(path: Path) -> None:
    """Take away all of a file or a folder, if it is there, also where a signal comes meanwhile."""
    try:
        _remove(path)
    except BaseException:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _place() -> str:
    """Where a process number means something: this machine, and this container on it."""
    name = os.uname().nodename
    with suppress(OSError):  # Linux has it
        name += os.readlink("/proc/self/ns/pid")
    return f"{zlib.crc32(name.encode()):08x}"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        pass
    return True
