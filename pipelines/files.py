"""Files that are whole or not there: written under another name that becomes their own at the end.

A failure or an interrupt leaves what was there before. Whether something can be written at all is
asked first, because the work comes before the writing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from modalities.errors import UsageError


def file_sha256(path: str | Path) -> str:
    """Hexadecimal digits of a file's sha256, as ``sha256sum`` prints them."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replaced_path(path: Path) -> Iterator[Path]:
    """A path to write to; what lies there takes the place of ``path`` when the block ends well.

    A link stays one, and what it points to is replaced. What is neither file nor folder, such as
    ``/dev/null`` or a pipe, cannot be replaced: its own path is given.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replaced_file(path: Path) -> Iterator[TextIO]:
    """A text file (UTF-8, LF) that appears as ``path`` when the block ends well."""
    with (
        replaced_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        yield stream


def check_file(path: str | Path, option: str = "out") -> Path:
    """``path``, where a file can be written.

    Raises:
        UsageError: it is a folder, lies inside a file, or its folder cannot be written to; names
            ``option``.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(option, f"{path} is a folder; name a file in it")
    _check_parent(path, option)
    return path


def check_folder(path: str | Path, option: str = "out") -> Path:
    """``path``, where files can be written into a folder, which need not exist yet.

    Raises:
        UsageError: it is a file, lies inside one, or cannot be written to; names ``option``.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise UsageError(option, f"{path} is a file; name a folder")
    _check_parent(path / "file", option)
    return path


def _check_parent(path: Path, option: str) -> None:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise UsageError(option, f"{path} cannot be written: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(option, f"{path} cannot be written: no permission in {folder}")
