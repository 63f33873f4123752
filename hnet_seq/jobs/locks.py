"""Locks on bytes of a file, by which ranks meet: the kernel gives back those of a dead process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from modalities.errors import UsageError


def is_at(file: IO[bytes], path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        there = path.stat()
    except OSError:
        return False
    own = os.fstat(file.fileno())
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)


def lock(file: IO[bytes], byte: int, *, wait: bool, needed: bool = True) -> bool:
    """Take one byte; False where another process has it, unless it is waited for.

    Args:
        needed: else a file system without locks does, for one process that meets no other.

    Raises:
        UsageError: the file system has no locks.
    """
    import fcntl  # absent on Windows

    kind = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    try:
        fcntl.lockf(file, kind, 1, byte)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if not needed:
            return True
        raise UsageError(
            file.name,
            f"cannot be locked ({error.strerror}), and ranks meet by locks; name an output on a "
            "file system that has them",
        ) from None
    return True


def unlock(file: IO[bytes], byte: int) -> None:
    """Give it back."""
    import fcntl

    fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)
