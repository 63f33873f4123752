"""Files and folders that are whole or not there: written under another name that becomes their own.

A failure, an interrupt or a kill leaves what was there before. What a full disk refused is told
with the name that the file was to have, whatever library wrote it. The other name says which
process writes; what a killed one left is taken away by the next that writes into the folder.

Whether something can be written at all is asked first, because the work comes before the writing.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

from modalities.errors import InputError, UsageError
from pipelines.storage.leftovers import remove, sweep, temporary_name

_BUFFER = 1 << 18  # bytes
_PROBE = 1 << 20  # bytes
_REMEDIES = {
    errno.ENOSPC: "make room and start the same command again",
    errno.EDQUOT: "make room and start the same command again",
    errno.EFBIG: "raise the limit (ulimit -f), or write to another file system",
    errno.EIO: "the device failed; write to another one",
}
# How safetensors, HDF5 and Arrow name the system's error.
_ERROR_NUMBER = re.compile(r"\b(?:os error|errno =|errno) (\d+)", re.IGNORECASE)


class DiskError(OSError):
    """What the disk refused, with the name that the file was to have and a remedy."""


@contextmanager
def replaced_path(path: Path) -> Iterator[Path]:
    """A path to write a file or a folder to; it takes the place of ``path`` when the block ends
    well, all of it on the disk.

    For libraries that open files themselves, and that raise what they could not write;
    :func:`replaced_stream` finds it where they do not. A link stays one, and what it points to is
    replaced. What is neither file nor folder, such as ``/dev/null`` or a pipe, cannot be replaced:
    its own path is given.

    Raises:
        DiskError: the disk is full, or the like; names ``path``.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path
        return
    with _temporary(path) as temporary:
        yield temporary
        sync(temporary)
        take_place(temporary, path)


@contextmanager
def replaced_stream(path: Path) -> Iterator[IO[bytes]]:
    """A file of bytes that appears as ``path`` when the block ends well.

    Raises:
        DiskError: it could not be written, even where a library that wrote to it kept that to
            itself; names ``path``.
    """
    with replaced_path(path) as temporary:
        raw = _Remembering(temporary, path)
        try:
            with io.BufferedWriter(raw, _BUFFER) as stream:
                yield stream
        except Exception:
            if raw.refused is None:
                raise
        if raw.refused is not None:
            raise raw.refused


@contextmanager
def replaced_file(path: Path) -> Iterator[TextIO]:
    """A text file (UTF-8, LF) that appears as ``path`` when the block ends well."""
    with (
        replaced_stream(path) as raw,
        io.TextIOWrapper(raw, encoding="utf-8", newline="\n") as stream,
    ):
        yield stream


@contextmanager
def filled_folder(path: Path) -> Iterator[Path]:
    """A folder to write to; its entries come to the folder ``path`` when the block ends well.

    Where there was no such folder they come at once; else each takes its place, whole, and what
    else is there stays.
    """
    # What lies beside "." and ".." only their whole paths say.
    path = path.resolve() if path.is_symlink() or path.name in ("", "..") else path
    with _temporary(path) as temporary:
        temporary.mkdir()
        yield temporary
        sync(temporary)
        if not path.exists():
            temporary.rename(path)
            return
        for entry in temporary.iterdir():
            take_place(entry, path / entry.name)


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file: all of it, or nothing.

    Raises:
        DiskError: the disk is full, or the like; names ``path``.
    """
    with named_errors(path), path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        rest = memoryview(f"{line}\n".encode())
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(size)
            raise


@contextmanager
def named_errors(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """What the disk refuses in the block is told as of ``path``, by a `DiskError`.

    One that names a file in the folder ``temporary`` comes to name that in ``path``.
    """
    try:
        yield
    except InputError:  # whoever raised it has found the words
        raise
    except DiskError as error:
        error.filename = f"{error.filename}".replace(f"{temporary}", f"{path}")
        raise
    except Exception as error:
        number = _refused(error)
        if number is None:
            raise
        raise DiskError(number, f"{os.strerror(number)}; {_REMEDIES[number]}", f"{path}") from error


def ask_for_room(path: Path) -> None:
    """Raise what the system says of going on with a file, if it refuses that.

    For libraries that do not say why they failed; what is in the file is of no use afterwards.
    """
    with path.open("ab") as file:
        file.write(bytes(_PROBE))
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Return when a file, or the files of a folder, are on the disk."""
    if path.is_dir():
        for entry in path.iterdir():
            sync(entry)
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def take_place(made: Path, path: Path) -> None:
    """Rename a file or folder to ``path``; what lies there goes."""
    if not path.is_dir():
        os.replace(made, path)
        return
    # A folder cannot be replaced in one step. What is set aside is never swept: it was whole.
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    path.rename(old)
    made.rename(path)
    shutil.rmtree(old)


class _Remembering(io.FileIO):
    """A file that keeps the error of a write, for libraries that lose it."""

    def __init__(self, path: Path, final: Path) -> None:
        super().__init__(path, "wb")
        self._final = final
        self.refused: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            with named_errors(self._final):
                return super().write(data)
        except OSError as error:
            self.refused = error
            raise


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """A folder and those that it lies in; what of them is new and empty goes if the block fails."""
    made = [each for each in (folder / "_").absolute().parents if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for each in made:
            with suppress(OSError):  # it holds something else
                each.rmdir()
        raise


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    temporary = temporary_name(path)
    with made_folder(path.parent):
        sweep(path.parent)
        remove(temporary)
        try:
            with named_errors(path, temporary):
                yield temporary
        finally:
            remove(temporary)


def _refused(error: BaseException | None) -> int | None:
    """The number of the system's error that lies behind one, if the disk is what it is about."""
    while error is not None:
        for number in (getattr(error, "errno", None), *_ERROR_NUMBER.findall(str(error))):
            if number is not None and int(number) in _REMEDIES:
                return int(number)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def check_file(path: str | Path, option: str = "out") -> Path:
    """``path``, where a file can be written.

    Raises:
        UsageError: it is a folder, lies inside a file, or its folder cannot be written to; names
            ``option``.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(option, f"{path} is a folder; name a file in it")
    _check_writable(path.absolute().parents, path, option)
    return path


def check_folder(path: str | Path, option: str = "out") -> Path:
    """``path``, where files can be written into a folder, which need not exist yet.

    Raises:
        UsageError: it is a file, lies inside one, or cannot be written to; names ``option``.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise UsageError(option, f"{path} is a file; name a folder")
    _check_writable([path.absolute(), *path.absolute().parents], path, option)
    return path


def _check_writable(folders: Iterable[Path], path: Path, option: str) -> None:
    """Raise UsageError unless the first of the folders that is there can be written to."""
    folder = next(folder for folder in folders if folder.exists())
    if not folder.is_dir():
        raise UsageError(option, f"{path} cannot be written: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(option, f"{path} cannot be written: no permission in {folder}")
