"""A full disk, played by a limit on the size of files."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process, or of those it starts, grows over ``size`` bytes in the block.

    Nothing that is imported meanwhile is kept compiled: Python 3.11 takes what could be written of
    it for the whole, and every later import of it ends in an EOFError
    (``findings/python_keeps_compiled_modules_that_are_cut_short.sh``).
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def entries(folder: Path) -> list[str]:
    """Names of all that lies in a folder, at any depth."""
    return sorted(f"{path.relative_to(folder)}" for path in folder.rglob("*"))
