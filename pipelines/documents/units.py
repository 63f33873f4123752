"""Inputs cut into stretches that one process reads each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from modalities import code
from modalities.errors import InputError, UsageError, printable
from modalities.given_paths import check_once
from pipelines.documents.json_layout import is_json_lines, json_layout
from pipelines.documents.unit import Unit
from pipelines.storage.compression import foreign_format, read_chunks, sniff, stem_of

UNIT_BYTES = 64 << 20
_KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".tar": "webdataset",
    ".tgz": "webdataset",
}
_VERSION_CONTROL = {"CVS", "_darcs"}  # besides those that are hidden
_PACKED = ("bzip2", "xz")
_PARQUET, _TAR, _TAR_AT = b"PAR1", b"ustar", 257  # and the byte where a tar says so


def plan_units(
    inputs: Sequence[str | Path],
    *,
    unit_bytes: int = UNIT_BYTES,
    modality: str = "text",
    text_field: str = "text",
) -> list[Unit]:
    """The units of files and folders, in their order; the files of a folder by name.

    They follow from the files, not from the number of processes. JSON, Parquet and tars are told by
    their content: under any name they are records and no text. As code, a JSON document is a source
    file like others, and only JSON lines are records. In a folder, hidden files, version control
    and linked folders are skipped; linked files are read.

    Args:
        text_field: that tells records from prose with JSON in it, where a name says prose (.md).
        unit_bytes: a unit at most, where its format can be cut: files between documents, plain
            JSON lines between lines, parquet between row groups.

    Raises:
        InputError: an input that is missing, unreadable, neither file nor folder, or in a format
            that is not read; a folder without files.
        UsageError: no inputs, one given twice, or ``unit_bytes`` below 1.
    """
    if unit_bytes < 1:
        raise UsageError("unit_bytes", f"is {unit_bytes}, expected 1 or more")
    if not inputs:
        raise UsageError("inputs", "none given; name files or folders")
    units: list[Unit] = []
    group = _Group(unit_bytes)
    check_once(inputs)
    for path in map(os.path.abspath, inputs):
        for file, size in _files(path):
            kind = _kind(file, size, modality, text_field)
            if kind == "files" or not os.path.isfile(file):
                units += group.add(file, size, os.path.dirname(path))
            else:
                units += group.close()
                units += _cut(kind, file, size, os.path.dirname(path), unit_bytes)
    return units + group.close()


def _kind(file: str, size: int, modality: str, text_field: str) -> str:
    kind = _KINDS.get(os.path.splitext(stem_of(file))[1].lower(), "files")
    if kind not in ("files", "jsonl") or not size or not os.access(file, os.R_OK):
        return kind
    # A name that says a language says enough, and there may be many such files.
    language = code.language_of(stem_of(file))
    if modality == "code" and language not in ("", *code.PROSE):
        return kind
    head = next(read_chunks(file, chunk=_TAR_AT + len(_TAR), foreign=True), b"")
    if modality == "text" and foreign_format(head) in _PACKED:
        raise _foreign(file, head)  # documents, as any beside it, and no binary file to leave out
    if head.startswith(_PARQUET):
        return "parquet"
    if head[_TAR_AT:] == _TAR:
        return "webdataset"
    prose = text_field if language in code.PROSE - {"json"} else None
    if modality == "code" and kind == "files":
        return "jsonl" if is_json_lines(file, field=prose) else kind
    layout = json_layout(file, prose=prose)
    return "json" if layout == "values" else "jsonl" if layout == "lines" else kind


class _Group:
    """Consecutive files of one root, as one unit."""

    def __init__(self, unit_bytes: int) -> None:
        self._limit = unit_bytes
        self._paths: list[str] = []
        self._bytes = 0
        self._root = ""

    def add(self, path: str, size: int, root: str) -> list[Unit]:
        """Take a file; the unit that ends before it, if one does."""
        ended = []
        if self._bytes + size > self._limit or root != self._root:
            ended = self.close()
        self._paths.append(path)
        self._bytes += size
        self._root = root
        return ended

    def close(self) -> list[Unit]:
        """The unit so far, if there is one."""
        paths, size = tuple(self._paths), self._bytes
        self._paths, self._bytes = [], 0
        return [Unit("files", paths, 0, 0, size, self._root)] if paths else []


def _files(path: str) -> Iterator[tuple[str, int]]:
    """An input's files with their sizes in bytes; what is no file in a folder has size 0."""
    if os.path.isdir(path):
        found = sorted(_walk(path), key=os.fsencode)
        if not found:
            raise InputError(printable(path), "no files in this folder; hidden ones do not count")
        for file in found:
            yield file, os.path.getsize(file) if os.path.isfile(file) else 0
        return
    if not os.path.lexists(path):
        raise InputError(printable(path), "no such file or folder; check the path")
    if not os.path.isfile(path):
        raise InputError(
            printable(path), "is a pipe, a device or a broken link; write it to a file first"
        )
    try:
        with open(path, "rb") as stream:
            head = stream.read(6)
    except OSError as error:
        raise InputError(
            printable(path), f"cannot be read ({error.strerror}); check its permissions"
        ) from None
    if foreign_format(head) is not None:
        raise _foreign(path, head)
    yield path, os.path.getsize(path)


def _foreign(path: str, head: bytes) -> InputError:
    return InputError(
        printable(path),
        f"is a {foreign_format(head)} file; unpack it: plain, gzip and zstd are read",
    )


def _walk(folder: str) -> Iterator[str]:
    def fail(error: OSError) -> None:
        raise InputError(
            printable(str(error.filename)),
            f"cannot be listed ({error.strerror}); check its permissions",
        )

    for parent, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in _VERSION_CONTROL]
        yield from (os.path.join(parent, file) for file in files if not file.startswith("."))


def _cut(kind: str, path: str, size: int, root: str, unit_bytes: int) -> Iterator[Unit]:
    if kind == "parquet":
        # Not at the top: most inputs are no tables, and pyarrow takes its time.
        from pipelines.documents.parquet import row_group_sizes

        start, taken = 0, 0
        sizes = row_group_sizes(path)
        for index, row_group in enumerate(sizes):
            if taken and taken + row_group > unit_bytes:
                yield Unit(kind, (path,), start, index, taken, root)
                start, taken = index, 0
            taken += row_group
        yield Unit(kind, (path,), start, len(sizes), taken, root)
    elif kind == "jsonl" and sniff(path, foreign=True) == "plain":
        for start in range(0, max(1, size), unit_bytes):
            stop = min(size, start + unit_bytes)
            yield Unit(kind, (path,), start, stop, stop - start, root)
    else:
        yield Unit(kind, (path,), 0, size, size, root)
