"""Random access to the tokens of a FASTA, GenBank or 2bit file.

The file is read once, by the streaming reader, into memory, or, where it is large, into an unnamed
temporary file of one byte a base, which is then mapped. The byte keeps what an ambiguity code
stands for beside its token. Every compression and every layout of lines so takes the same path and
gives the same tokens as streaming, and a bad file is refused at once, with its line. Who reads a
few places of a large file with an index can have them without that, through pyfaidx
(:mod:`pipelines.formats.indexed_fasta`): bad letters are then met only where somebody reads them,
so it has to be asked for.
"""

from __future__ import annotations

import difflib
import errno
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from modalities.base import Tokens
from modalities.dna import (
    IUPAC_BITS,
    TOKEN_BITS,
    UNKNOWN,
    Iupac,
    check_iupac,
    decode_annotated,
)
from modalities.errors import InputError
from modalities.given_paths import given_path
from pipelines.formats.fasta import read_fasta_pieces
from pipelines.formats.indexed_fasta import IndexedFasta, open_indexed
from pipelines.formats.sequence_files import read_records, sequence_format

_IN_MEMORY = 1 << 24  # bases
_WORTH = 64 * 10**6  # bytes of a file; it is read and checked in less time than pyfaidx is imported


class Genome:
    """The records of a FASTA, GenBank or 2bit file, plain, gzip or bgzip.

    Needs one byte a base in memory up to 16 MB, and else in the folder for temporary files
    (``TMPDIR``), and while opening two bytes a base of the longest record in memory; nothing is
    written beside the input, and the temporary file goes with the object. Safe to use after a fork:
    a mapping has no position that processes could move under each other. A pickle holds no tokens:
    its process reads the file when it first fetches.

    Args:
        path: the file.
        iupac: ambiguity codes other than N become ``unknown``, or are an ``error``.
        use_index: where a FASTA file above 64 MB has an index beside it that fits (``.fai``, and
            ``.gzi`` for bgzip), read the slices that are asked for and nothing else. Letters that
            are not DNA are then an error of :meth:`fetch`. No index is ever written.

    Attributes:
        path: the file.
        lengths: bases of each record, in file order.

    Raises:
        InputError: as `pipelines.formats.sequence_files.read_records`, or there is no room for the
            temporary file.
    """

    def __init__(
        self, path: str | Path, iupac: Iupac = "unknown", *, use_index: bool = False
    ) -> None:
        self.path = given_path(path, "path")
        self._iupac: Iupac = iupac
        self._tokens: Tokens | None = None
        self._indexed = _indexed(self.path) if use_index else None
        if self._indexed is not None:
            check_iupac(iupac)
            self.lengths = self._indexed.lengths
            return
        self.lengths, self._tokens = _read(self.path, iupac)
        self._starts = _starts(self.lengths)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tokens": None}

    def fetch(self, name: str, start: int, end: int, *, pad: bool = False) -> Tokens:
        """Tokens (end - start,) of a record, a copy.

        Args:
            start: 0-based.
            end: exclusive.
            pad: read unknown bases before the record's first base and after its last one.

        Raises:
            InputError: there is no such record; ``end`` lies before ``start``; the slice leaves
                the record without ``pad``; or the file has changed since this was pickled.
        """
        return self._annotated(name, start, end, pad=pad) & np.uint8(TOKEN_BITS)

    def letters(self, name: str, start: int, end: int) -> str:
        """The same bases in upper case, with ambiguity codes as the file has them.

        Raises:
            InputError: as :meth:`fetch`.
        """
        return decode_annotated(self._annotated(name, start, end, pad=False))

    def _annotated(self, name: str, start: int, end: int, *, pad: bool) -> Tokens:
        where = f"record {name}, bases {start} to {end}"
        if name not in self.lengths:
            close = difflib.get_close_matches(name, self.lengths, n=3, cutoff=0.4)
            known = ", ".join(close or list(self.lengths)[:3])
            raise InputError(self.path, f"no record {name!r} among {len(self.lengths)}, as {known}")
        length = self.lengths[name]
        if end < start:
            raise InputError(self.path, "the end lies before the start; swap them", where=where)
        if not pad and (start < 0 or end > length):
            raise InputError(
                self.path,
                f"the record has {length} bases; ask for fewer, or for padding (pad=True)",
                where=where,
            )
        inside = slice(min(max(start, 0), length), min(max(end, 0), length))
        if self._indexed is not None:
            tokens = self._indexed.annotated(name, inside.start, inside.stop, self._iupac)
        else:
            first = self._starts[name]
            tokens = self._mapped()[first + inside.start : first + inside.stop]
        if len(tokens) == end - start:
            return tokens
        padded = np.full(end - start, UNKNOWN, dtype=np.uint8)
        padded[inside.start - start : inside.start - start + len(tokens)] = tokens
        return padded

    def _mapped(self) -> Tokens:
        if self._tokens is None:
            lengths, tokens = _read(self.path, self._iupac)
            if lengths != self.lengths:
                raise InputError(self.path, "has changed since it was opened; open it again")
            self._tokens = tokens
        return self._tokens


def _indexed(path: Path) -> IndexedFasta | None:
    if path.is_file() and path.stat().st_size <= _WORTH:
        return None
    return open_indexed(path)


def _read(path: Path, iupac: Iupac) -> tuple[dict[str, int], Tokens]:
    """Lengths, and the annotated tokens of all records end to end, mapped read-only."""
    lengths: dict[str, int] = {}
    to: IO[bytes] = io.BytesIO()
    try:
        with tempfile.TemporaryFile(prefix="hnet-seq-") as file:
            for name, annotated in _pieces(path, iupac):
                if isinstance(to, io.BytesIO) and to.tell() + len(annotated) > _IN_MEMORY:
                    file.write(to.getvalue())
                    to = file
                to.write(annotated.data)
                lengths[name] = lengths.get(name, 0) + len(annotated)
            if isinstance(to, io.BytesIO):
                return lengths, np.frombuffer(to.getvalue(), np.uint8)
            file.flush()
            # The mapping outlives the descriptor, and the unnamed file lives as long as it does.
            return lengths, np.asarray(np.memmap(file, dtype=np.uint8, mode="r"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise
        raise _no_room(path, error) from None


def _pieces(path: Path, iupac: Iupac) -> Iterator[tuple[str, Tokens]]:
    """Names and annotated tokens, of FASTA piece by piece; 2bit has no ambiguity codes."""
    kind = sequence_format(path)
    if kind == "2bit":
        for record in read_records(path, iupac=iupac):
            yield record.name, record.tokens
        return
    if kind == "genbank":
        from pipelines.formats.genbank import (
            read_genbank_pieces,  # Biopython is needed for nothing else
        )

        pieces = read_genbank_pieces(path, iupac=iupac)
    else:
        pieces = read_fasta_pieces(path, iupac=iupac)
    for piece in pieces:
        yield piece.name, piece.annotated & np.uint8(TOKEN_BITS | IUPAC_BITS)


def _no_room(path: Path, error: OSError) -> InputError:
    folder = tempfile.gettempdir()
    return InputError(
        path, f"no room for its tokens in {folder} ({error.strerror}); set TMPDIR to another folder"
    )


def _starts(lengths: dict[str, int]) -> dict[str, int]:
    ends = np.cumsum(list(lengths.values()), dtype=np.int64)
    return {name: end - lengths[name] for name, end in zip(lengths, ends.tolist(), strict=True)}
