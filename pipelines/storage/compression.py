"""Bytes of input files, plain, gzip, bgzip or zstd by their first bytes, in bounded chunks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from gzip import BadGzipFile
from pathlib import Path
from typing import Any, Literal

from modalities.errors import InputError
from pipelines.storage.deflate import DEFLATE_ERRORS, GzipFile

Compression = Literal["plain", "gzip", "bgzip", "zstd"]

CHUNK = 1 << 20  # bytes
# The empty block that ends every bgzip file (SAM specification, section 4.1.2).
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

_SUFFIXES = (".gz", ".bgz", ".zst", ".zstd")
_ZSTD = b"(\xb5/\xfd"
_SKIPPED = range(0x184D2A50, 0x184D2A60)  # frames with no data in them, RFC 8878, section 3.1.2
_FOREIGN = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x89HDF": "HDF5",
    b"%PDF": "PDF",
}


def stem_of(path: str) -> str:
    """A path without the suffix of its compression."""
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in _SUFFIXES else path


def foreign_format(head: bytes) -> str | None:
    """The name of the archive or binary format that begins so, which is not read."""
    return next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)


def sniff(path: str | Path, *, foreign: bool = False) -> Compression:
    """How a file is compressed. Its name is not asked.

    Args:
        foreign: archives and the like are ``plain``, bytes as good as others, and no error.

    Raises:
        InputError: the file is missing, a folder, a pipe, unreadable, or compressed in another way.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(path, "is a folder; give the files in it")
    if path.exists() and not path.is_file():
        # What is read to tell the format would be lost, and most verbs read their input twice.
        raise InputError(path, "is a pipe or device; write it to a file first")
    try:
        with open(path, "rb") as file:
            head = file.read(18)
    except FileNotFoundError:
        raise InputError(path, "no such file; check the path") from None
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror}); check its permissions"
        ) from None
    name = None if foreign else foreign_format(head)
    if name is not None:
        raise InputError(path, f"is a {name} file; give it plain, gzip, bgzip or zstd")
    if head.startswith(_ZSTD) or int.from_bytes(head[:4], "little") in _SKIPPED:
        return "zstd"
    if head[:2] != b"\x1f\x8b":
        return "plain"
    return "bgzip" if len(head) >= 14 and head[3] & 4 and head[12:14] == b"BC" else "gzip"


def read_chunks(
    path: str | Path,
    *,
    chunk: int = CHUNK,
    start: int = 0,
    stop: int | None = None,
    foreign: bool = False,
) -> Iterator[bytes]:
    """The decompressed bytes of a file, at most ``chunk`` at a time.

    Args:
        start, stop: of a plain file only these bytes; of a compressed one all must be asked for.
        foreign: as of `sniff`.

    Raises:
        InputError: as `sniff`, and for compressed data that is truncated or damaged, once the
            bytes before the damage have been given.
    """
    path = Path(path)
    compression = sniff(path, foreign=foreign)
    assert compression == "plain" or (start, stop) == (0, None)
    if compression == "bgzip":
        _require_end(path)
    position = start
    try:
        with open(path, "rb") as raw:
            raw.seek(start)
            stream = _decompressed(raw, compression)
            while data := stream.read(chunk if stop is None else min(chunk, stop - position)):
                position += len(data)
                yield data
    except EOFError:
        raise InputError(
            path,
            f"the {compression} data ends too early: the file is truncated; fetch it again",
            where=f"after byte {position} of the decompressed text",
        ) from None
    except (BadGzipFile, *DEFLATE_ERRORS) as error:
        raise InputError(
            path,
            f"damaged {compression} data ({error}); fetch it again",
            where=f"after byte {position} of the decompressed text",
        ) from None
    except OSError as error:
        if compression == "zstd" and error.errno is None:  # of Arrow, which has no error of its own
            raise InputError(
                path,
                f"the zstd data is truncated or damaged ({' '.join(str(error).split())}); "
                "fetch it again",
                where=f"after byte {position} of the decompressed text",
            ) from None
        raise InputError(path, f"cannot be read ({error.strerror})") from None


def _decompressed(raw: Any, compression: Compression) -> Any:
    if compression == "plain":
        return raw
    if compression == "zstd":
        # pyarrow is there for tables anyway, and tells a truncated stream from a finished one. Most
        # inputs are not zstd, and it takes its time to import.
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(raw), "zstd")
    return GzipFile(fileobj=raw, mode="rb")


def _require_end(path: Path) -> None:
    # A bgzip file cut between two blocks is valid gzip: only the end marker tells.
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - len(BGZIP_END)))
        if file.read() != BGZIP_END:
            raise InputError(
                path,
                "the bgzip data has no end marker: the file is truncated; fetch it again",
                where="last block",
            )
