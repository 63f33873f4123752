"""UCSC 2bit to the records that FASTA gives.

The format (UCSC genome browser, "twoBit sequence archive"): a header and an index of names, then a
record each: its bases, four to a byte, and lists of the stretches that are N and that were lower
case. All integers are in the byte order that the signature shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modalities import dna
from modalities.errors import InputError
from pipelines.formats.fasta import FastaRecord
from pipelines.storage.compression import read_chunks, sniff

SIGNATURES = {b"\x43\x27\x41\x1a": "<", b"\x1a\x41\x27\x43": ">"}
_LETTERS = (3, 1, 0, 2)  # tokens of the codes: T, C, A, G


def _unpacking() -> NDArray[np.uint8]:
    """(256, 4) tokens of each byte; the first base is in the highest bits."""
    codes = (np.arange(256)[:, None] >> np.array([6, 4, 2, 0])) & 3
    table: NDArray[np.uint8] = np.array(_LETTERS, np.uint8)[codes]
    return table


_UNPACKED = _unpacking()


def read_twobit(path: str | Path) -> Iterator[FastaRecord]:
    """The records of a 2bit file, in its order; plain, or gzip, which is then held in memory.

    Both byte orders, and both versions: 0, and 1 with offsets of 64 bits. It has no ambiguity codes
    but N.

    Raises:
        InputError: the file is missing, not 2bit, truncated or contradicts itself; a record has no
            bases, or a name that was there already. With the record. Records before it have been
            yielded.
    """
    return _records(Path(path))


class _Integers:
    """Unsigned integers of a file at a moving place."""

    def __init__(self, path: Path, data: NDArray[np.uint8], order: str) -> None:
        self.path, self.data, self.order = path, data, order
        self.position = 0
        self.where = "header"

    def bytes(self, count: int) -> NDArray[np.uint8]:
        """(count,) the next bytes."""
        end = self.position + count
        if end > len(self.data):
            raise self.error(
                f"ends at byte {len(self.data)}, expected at least {end}: the file is truncated; "
                "fetch it again"
            )
        found = self.data[self.position : end]
        self.position = end
        return found

    def many(self, count: int, size: int = 4) -> NDArray[np.int64]:
        """(count,) the next integers of ``size`` bytes."""
        return self.bytes(count * size).view(f"{self.order}u{size}").astype(np.int64)

    def one(self, size: int = 4) -> int:
        """The next integer."""
        return int(self.many(1, size)[0])

    def error(self, message: str) -> InputError:
        return InputError(self.path, message, where=self.where)


def _records(path: Path) -> Iterator[FastaRecord]:
    if sniff(path) == "plain":
        size = path.stat().st_size
        data = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
    else:
        data = np.frombuffer(b"".join(read_chunks(path)), np.uint8)
    order = SIGNATURES.get(data[:4].tobytes())
    if order is None:
        raise InputError(path, "has no 2bit signature; is it FASTA?", where="byte 0")
    # An array of its own class would carry the mapping's overhead into every slice.
    file = _Integers(path, np.asarray(data), order)
    file.position = 4
    version, count, _ = (file.one() for _ in range(3))
    if version not in (0, 1):
        raise file.error(f"is 2bit of version {version}, this reads 0 and 1; convert it")
    index: dict[str, int] = {}
    file.where = "index"
    for _ in range(count):
        raw = file.bytes(int(file.bytes(1)[0])).tobytes()
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise file.error(f"the name {raw!r} is not UTF-8; rename the record") from None
        if not name or name in index:
            raise file.error(
                f"the name {name!r} is {'there twice' if name else 'empty'}; make the file again"
            )
        index[name] = file.one(8 if version else 4)
    if not index:
        raise file.error("no records; make the file again")
    for name, offset in index.items():
        file.where, file.position = f"record {name}", offset
        yield _record(name, file)


def _record(name: str, file: _Integers) -> FastaRecord:
    length = file.one()
    if not length:
        raise file.error("the record has no bases; remove it, or give its sequence")
    unknown, masked = _blocks(file, length, "N"), _blocks(file, length, "lower case")
    file.one()  # reserved
    tokens = _UNPACKED[file.bytes(-(-length // 4))].reshape(-1)[:length]
    soft_mask = np.zeros(length, np.bool_)
    for start, end in unknown:
        tokens[start:end] = dna.UNKNOWN
    for start, end in masked:
        soft_mask[start:end] = True
    counts = dna.count(tokens | soft_mask * np.uint8(dna.SOFT_MASK_BIT))
    return FastaRecord(name, "", tokens, soft_mask, counts)


def _blocks(file: _Integers, length: int, what: str) -> list[tuple[int, int]]:
    """Starts and ends of the stretches of one kind."""
    count = file.one()
    starts = file.many(count)
    ends = starts + file.many(count)
    if count and (int(ends.max()) > length):
        raise file.error(
            f"a stretch of {what} ends at base {int(ends.max())} of {length}: the file is damaged; "
            "fetch it again"
        )
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
