"""Slices of a FASTA file through pyfaidx and the index beside it, without reading the rest.

Where there is the least doubt that an index says where the bases are, :func:`open_indexed` gives
None, and the file is read whole, by the reader that refuses what is wrong with its line:

- No index is ever written: what lies beside the file is its owner's. pyfaidx makes a missing one,
  and for bgzip without ``.gzi`` also where it was told not to.
- An index older than its file, or a record that does not end where the index says, next to a header
  or the end of the file: pyfaidx 0.9.2 gives the next header as bases for a record whose last line
  is its longest, and reads on with the index of another file of that name.
- An index of more than a megabyte: to compare that many records takes longer than to read them.
- Names that stand twice, bgzip with blocks of 65,536 bytes (it fails at their edges), plain gzip,
  GenBank and 2bit have no index that could be used.
"""

from __future__ import annotations

import os
import zlib
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from modalities import dna
from modalities.base import Tokens
from modalities.dna import IUPAC_BITS, TOKEN_BITS, Iupac
from modalities.errors import InputError
from pipelines.storage.compression import sniff

_PIECE = 1 << 20  # bases that are read at once
_NEAR = 4096  # bytes before a record in which its header must end, and after it the next begin
_KEPT = TOKEN_BITS | IUPAC_BITS
_LARGEST_INDEX = 1 << 20  # bytes
# What pyfaidx and Biopython raise for an index or a file that is not what they took it for.
_WRONG = (OSError, ValueError, LookupError, ArithmeticError, AssertionError, EOFError, zlib.error)


class IndexedFasta:
    """A FASTA file with an index; use :func:`open_indexed`. Picklable.

    Each process opens the file for itself: a position in it is shared with whoever forked it.

    Attributes:
        lengths: bases of each record, in file order.
    """

    def __init__(self, path: Path, *, is_bgzip: bool) -> None:
        self.path = path
        self._is_bgzip = is_bgzip
        self._open: tuple[int, Any] | None = None  # the process, and its handle
        self.lengths: dict[str, int] = {
            name: int(entry.rlen) for name, entry in self._faidx().index.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    def annotated(self, name: str, start: int, end: int, iupac: Iupac) -> Tokens:
        """(end - start,) uint8 as :func:`modalities.dna.encode_annotated`, without soft masks.

        Raises:
            InputError: what is there is not DNA, or the file has changed.
        """
        pieces = [
            self._piece(name, first, min(first + _PIECE, end), iupac)
            for first in range(start, end, _PIECE)
        ]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)

    def _piece(self, name: str, start: int, end: int, iupac: Iupac) -> Tokens:
        try:
            letters = self._faidx().fetch(name, start + 1, end).encode("latin-1", "replace")
        except _WRONG:
            letters = b""
        if len(letters) != end - start:
            raise InputError(
                self.path,
                "is not what its index says; index it again, or remove the .fai",
                where=f"record {name}, bases {start} to {end}",
            )
        encoded = dna.encode_annotated(letters, iupac=iupac)
        if dna.REFUSED in encoded:
            refused = dna.first_refused(letters, iupac=iupac)
            where = f"record {name}, base {start + refused.offset + 1}"
            raise InputError(self.path, refused.reason, where=where)
        return np.frombuffer(encoded, np.uint8) & np.uint8(_KEPT)

    def _faidx(self) -> Any:
        if self._open is None or self._open[0] != os.getpid():
            from pyfaidx import Faidx  # a third of a second

            index = Faidx(str(self.path), as_raw=True, rebuild=False, build_index=False)
            self._open = os.getpid(), index
        return self._open[1]

    def is_sound(self) -> bool:
        """Whether the records lie where the index says, each between two headers, and no others."""
        index = self._faidx().index
        if not index:
            return False
        starts = [0]  # of the blocks of bgzip
        if self._is_bgzip:
            starts = [block.ustart for block in self._faidx().gzi_index]
            if any(end - start > 0xFFFF for start, end in pairwise(starts)):
                return False
        before = self._bytes(0, next(iter(index.values())).offset, starts)[-_NEAR:].lstrip()
        for (name, entry), following in zip(index.items(), [*list(index)[1:], ""], strict=True):
            if not (before.endswith(b"\n") and _header_name(before) == name.encode()):
                return False
            if min(entry.rlen, entry.lenc, entry.lenb - entry.lenc) < 1:
                return False
            line, column = divmod(entry.rlen - 1, entry.lenc)
            last = entry.offset + line * entry.lenb + column  # byte of the last base
            begin = index[following].offset if following else last + _NEAR
            if not 1 < begin - last <= 2 * _NEAR:
                return False
            rest = self._bytes(last, begin, starts)
            before = rest[1:].lstrip(b"\r\n")
            if not rest or rest[:1].isspace() or (rest[1:] and rest[1:2] not in b"\r\n"):
                return False
            if not following and before:
                return False
        return True

    def _bytes(self, start: int, stop: int, blocks: list[int]) -> bytes:
        """Bytes of the decompressed file, as far as there are any."""
        faidx, place = self._faidx(), start
        if self._is_bgzip:
            from Bio.bgzf import make_virtual_offset

            block = faidx.gzi_index[bisect_right(blocks, start) - 1]
            place = make_virtual_offset(block.cstart, start - block.ustart)
        faidx.file.seek(place)
        return bytes(faidx.file.read(stop - start))


def _header_name(line: bytes) -> bytes | None:
    """The name in a single header line; None where it is something else."""
    if line[:1] != b">" or line.count(b"\n") != 1:
        return None
    words = line[1:].split(None, 1)
    return words[0] if words and not line[1:2].isspace() else None


def open_indexed(path: Path) -> IndexedFasta | None:
    """A FASTA file, plain or bgzip, with an index (``.fai``, ``.gzi``) that can be trusted."""
    kind = sniff(path, foreign=True)
    is_named_gzip = path.name.lower().endswith((".gz", ".bgz"))  # pyfaidx asks the name alone
    if (kind, is_named_gzip) not in (("plain", False), ("bgzip", True)):
        return None
    try:
        made = path.stat().st_mtime
        for suffix in (".fai", ".gzi") if kind == "bgzip" else (".fai",):
            index = os.stat(f"{path}{suffix}")
            if index.st_mtime < made or index.st_size > _LARGEST_INDEX << 3 * (suffix == ".gzi"):
                return None
        found = IndexedFasta(path, is_bgzip=kind == "bgzip")
        return found if found.is_sound() else None
    except _WRONG:
        # What is wrong with an index is nothing to the file, which is read without it.
        return None
