"""Bytes of input files, plain, gzip or zstd by their first bytes, in chunks of bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from modalities.errors import InputError
from pipelines.compression import read_chunks
from pipelines.documents.records import printable

Compression = Literal["plain", "gzip", "zstd"]

CHUNK = 1 << 20  # bytes
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_SUFFIXES = (".gz", ".bgz", ".zst", ".zstd")


def stem_of(path: str) -> str:
    """A path without the suffix of its compression."""
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in _SUFFIXES else path


def compression_of(path: str) -> Compression:
    """How a file is compressed. Its name is not asked.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise _unreadable(path, error) from None
    return "gzip" if head.startswith(_GZIP) else "zstd" if head == _ZSTD else "plain"


def read_bytes(path: str, *, start: int = 0, chunk: int = CHUNK) -> Iterator[bytes]:
    """The decompressed bytes of a file, at most ``chunk`` at a time.

    Args:
        start: bytes to skip, of a plain file only.

    Raises:
        InputError: the file cannot be read, or its compressed data is truncated or damaged; then
            the bytes before the damage have been given.
    """
    compression = compression_of(path)
    assert compression == "plain" or not start
    if compression == "gzip":
        yield from read_chunks(path, chunk=chunk)
    elif compression == "zstd":
        yield from _zstd(path, chunk)
    else:
        try:
            with open(path, "rb", buffering=0) as file:
                file.seek(start)
                while data := file.read(chunk):
                    yield data
        except OSError as error:
            raise _unreadable(path, error) from None


def _zstd(path: str, chunk: int) -> Iterator[bytes]:
    # pyarrow is there for tables anyway, and tells a truncated stream from a finished one.
    import pyarrow as pa

    position = 0
    try:
        with pa.OSFile(path) as raw, pa.CompressedInputStream(raw, "zstd") as stream:
            while data := stream.read(chunk):
                position += len(data)
                yield data
    except OSError as error:
        raise InputError(
            printable(path),
            f"the zstd data is truncated or damaged ({error}); fetch it again",
            where=f"after byte {position} of the decompressed text",
        ) from None


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(
        printable(path), f"cannot be read ({error.strerror}); check that it is there, and readable"
    )
