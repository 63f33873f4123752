"""Bytes of input files, plain, gzip or bgzip by their first bytes, in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from gzip import BadGzipFile
from pathlib import Path
from typing import Literal

from modalities.errors import InputError
from pipelines.deflate import DEFLATE_ERRORS, GzipFile

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
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise InputError(path, f"is a {name} file; give it plain, gzip or bgzip")
    if head[:2] != b"\x1f\x8b":
        return "plain"
    return "bgzip" if len(head) >= 14 and head[3] & 4 and head[12:14] == b"BC" else "gzip"


def read_chunks(
    path: str | Path, *, chunk: int = CHUNK, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """The decompressed bytes of a file, at most ``chunk`` at a time.

    Args:
        start, stop: of a plain file only these bytes; of a compressed one all must be asked for.

    Raises:
        InputError: as `sniff`, and for gzip data that is truncated or damaged, once the bytes
            before the damage have been given.
    """
    path = Path(path)
    compression = sniff(path)
    assert compression == "plain" or (start, stop) == (0, None)
    if compression == "bgzip":
        _require_end(path)
    position = start
    try:
        with open(path, "rb") as raw:
            stream = raw if compression == "plain" else GzipFile(fileobj=raw, mode="rb")
            raw.seek(start)
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
        raise InputError(path, f"cannot be read ({error.strerror})") from None


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
