"""WebDataset tars that others made, one sample in memory at a time.

Not through ``webdataset.WebDataset``, which reads members into memory that nobody asked for, takes
a header that it cannot read for the end of a tar, and imports torch.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from modalities.errors import InputError, printable
from pipelines.documents.fields import Broken, broken, raw_document
from pipelines.documents.options import DocumentOptions
from pipelines.documents.records import Dropped, RawDocument
from pipelines.documents.unit import Unit
from pipelines.storage.compression import read_chunks

# As webdataset splits names: at the first dot after the last slash.
_NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]*)", re.DOTALL)
_READ = ("txt", "json", "npy")


def read_webdataset(unit: Unit, options: DocumentOptions) -> Iterator[RawDocument | Dropped]:
    """The samples of a tar: a text from ``.txt``, ``.npy`` (uint8) or ``.json``, in this order.

    Fields of ``.json`` say what is known about the text. Other members are skipped.

    Raises:
        InputError: the tar cannot be read; a sample has no text where that is an error.
    """
    path = unit.paths[0]
    file, stem = printable(path), unit.name_of(path)
    for key, members in _samples(path):
        name, where = f"{stem}@{printable(key)}", f"sample {printable(key)}"
        try:
            yield _document(members, options, file=file, name=name, where=where)
        except Broken as error:
            yield broken(error, options, reason="broken_sample", file=file, name=name, where=where)


def _document(
    members: dict[str, bytes], options: DocumentOptions, *, file: str, name: str, where: str
) -> RawDocument:
    if not members.keys() & set(_READ):
        raise Broken(f"has {', '.join(sorted(members))}, expected .txt, .json or .npy")
    fields: object = {}
    if "json" in members:
        try:
            fields = json.loads(members["json"])
        except (ValueError, RecursionError) as error:
            raise Broken(f"the .json cannot be read ({error})") from None
    text = members.get("txt")
    if text is None and "npy" in members:
        text = _array_bytes(members["npy"])
    return raw_document(fields, options, file=file, name=name, where=lambda: where, text=text)


def _array_bytes(member: bytes) -> bytes:
    try:
        array = np.load(io.BytesIO(member), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise Broken(f"the .npy cannot be read ({error})") from None
    if array.dtype != np.uint8 or array.ndim != 1:
        raise Broken(f"the .npy is {array.dtype} {array.shape}, expected uint8 (bytes,)")
    return array.tobytes()


def _samples(path: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Keys and the members of each sample; members that are not read are empty."""
    key: str | None = None
    members: dict[str, bytes] = {}
    for name, extension, data in _members(path):
        if name != key:
            if key is not None:
                yield key, members
            key, members = name, {}
        if extension in members:
            raise InputError(
                printable(path),
                f"has two members .{extension}; names are split at their first dot: keys must "
                "have none. Source files are read from a folder: unpack the tar",
                where=f"sample {printable(name)}",
            )
        members[extension] = data
    if key is not None:
        yield key, members


def _members(path: str) -> Iterator[tuple[str, str, bytes]]:
    try:
        stream: Any = _Stream(read_chunks(path, foreign=True))
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # or it keeps the header of each
                match = _NAME.fullmatch(member.name)
                if not member.isfile() or not match:
                    continue
                extension = match[2].lower()
                content = tar.extractfile(member) if extension in _READ else None
                yield match[1], extension, content.read() if content else b""
    except tarfile.TarError as error:
        raise InputError(
            printable(path), f"cannot be read as a tar ({error}); fetch or write it again"
        ) from None


class _Header(tarfile.TarInfo):
    """One that cannot be read is an error: tarfile takes it for the end, and the rest is lost."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if type(error).__name__ in ("EOFHeaderError", "EmptyHeaderError"):
                raise
            raise tarfile.ReadError(f"{error} at byte {tar.offset}") from None


class _Stream:
    """Chunks as a file that can be read, in sizes asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, or fewer at the end."""
        parts = []
        while size:
            if not self._rest:
                self._rest = memoryview(next(self._chunks, b""))
                if not self._rest:
                    break
            parts.append(self._rest[:size])
            size -= len(parts[-1])
            self._rest = self._rest[len(parts[-1]) :]
        return b"".join(parts)
