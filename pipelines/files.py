"""Bytes of input files, plain, gzip or bgzip by their first bytes, in chunks of bounded size."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from modalities.errors import InputError

Compression = Literal["plain", "gzip", "bgzip"]

CHUNK = 1 << 20  # bytes
# The empty block that ends every bgzip file (SAM specification, section 4.1.2).
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

_FOREIGN = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"(\xb5/\xfd": "zstd",
    b"\x89HDF": "HDF5",
    b"%PDF": "PDF",
}


def sniff(path: str | Path) -> Compression:
    """How a file is compressed. Its name is not asked.

    Raises:
        InputError: the file is missing, a folder, unreadable, or compressed in another way.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(path, "is a folder; give the files in it")
    try:
        with open(path, "rb") as file:
            head = file.read(18)
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise InputError(path, f"is a {name} file; give it plain, gzip or bgzip")
    if head[:2] != b"\x1f\x8b":
        return "plain"
    return "bgzip" if len(head) >= 14 and head[3] & 4 and head[12:14] == b"BC" else "gzip"


def read_chunks(
    path: str | Path,
    *,
    chunk: int = CHUNK,
    advance: Callable[[int], object] | None = None,
) -> Iterator[bytes]:
    """The decompressed bytes of a file, at most ``chunk`` at a time.

    ``advance`` is called with the bytes read from the file itself since its last call.

    Raises:
        InputError: as `sniff`, and for gzip data that is truncated or damaged.
    """
    path = Path(path)
    compression = sniff(path)
    if compression == "bgzip":
        _require_end(path)
    done = position = 0
    try:
        with open(path, "rb") as raw:
            stream = raw if compression == "plain" else gzip.GzipFile(fileobj=raw, mode="rb")
            while data := stream.read(chunk):
                position += len(data)
                yield data
                if advance is not None:
                    advance(raw.tell() - done)
                    done = raw.tell()
    except EOFError:
        raise InputError(
            path,
            f"the {compression} data ends too early: the file is truncated; fetch it again",
            where=f"after byte {position}",
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            path, f"damaged {compression} data ({error}); fetch it again", where=f"byte {position}"
        ) from None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None


def sha256(path: str | Path) -> str:
    """sha256 of a file's bytes as they lie."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_end(path: Path) -> None:
    # A bgzip file cut between two blocks is valid gzip: only the end marker tells.
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - len(BGZIP_END)))
        if file.read() != BGZIP_END:
            raise InputError(
                path, "the bgzip data has no end marker: the file is truncated; fetch it again"
            )
