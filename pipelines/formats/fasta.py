"""FASTA to tokens, one record in memory at a time, without a loop over its lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modalities import dna
from modalities.base import Tokens
from modalities.dna import Iupac, SequenceCounts
from modalities.errors import InputError
from modalities.given_paths import given_path
from pipelines.storage.compression import read_chunks

_LINE_ENDS = b"\r\n"
_HEADER_LIMIT = 1 << 20  # bytes; a file that starts with ">" and has no lines is not read whole
_OTHER_FORMATS = {
    b"@HD\t": "this is SAM; convert it to FASTA: samtools fasta",
    b"@SQ\t": "this is SAM; convert it to FASTA: samtools fasta",
    b"BAM\x01": "this is BAM; convert it to FASTA: samtools fasta",
    b"CRAM": "this is CRAM; convert it to FASTA: samtools fasta",
    b"ID   ": "this looks like EMBL; convert it to FASTA or GenBank",
    b"@": "this looks like FASTQ; convert it to FASTA",
    b"##gff": "this is GFF; give it as the annotation",
    b"LOCUS": "this looks like GenBank, but LOCUS and a name with blanks between begin that",
    b";": "comment lines are not supported; remove them",
    b"\xef\xbb\xbf": "the file begins with a byte order mark; remove it",
}


@dataclass(frozen=True)
class FastaRecord:
    """One record of L bases.

    Attributes:
        name: the header up to its first blank.
        description: the rest of the header.
        tokens: (L,) uint8, L > 0.
        soft_mask: (L,) bool, where the file has lower case.
        counts: what the record is made of.
    """

    name: str
    description: str
    tokens: Tokens
    soft_mask: NDArray[np.bool_]
    counts: SequenceCounts


@dataclass(frozen=True)
class FastaPiece:
    """Bases of one record that follow each other, and whether they are its last.

    Attributes:
        name, description: of the record.
        annotated: (n,) uint8, see :func:`modalities.dna.encode_annotated`.
        counts: what the whole record is made of, once it ends.
    """

    name: str
    description: str
    annotated: Tokens
    ends: bool
    counts: SequenceCounts


def read_fasta(
    path: str | Path, *, iupac: Iupac = "unknown", unique: bool = True
) -> Iterator[FastaRecord]:
    """The records of a file, however it is compressed, in its order.

    Line lengths may differ, line ends may be LF or CRLF, blank lines are skipped. A ``>`` without
    a name, a record without bases and a repeated name are errors: nothing could refer to such a
    record, and they come from a broken step before this one. Peak memory is about two bytes a
    base of the longest record, besides the records that the caller still holds.

    Args:
        iupac: ambiguity codes other than N become ``unknown``, or are an ``error``.
        unique: a repeated name is an error; False where nothing is looked up by name.

    Raises:
        InputError: the file is missing, empty, truncated, not FASTA or not DNA; with the record
            and line. Records before that line have been yielded.
        UsageError: an ``iupac`` that is neither.
    """
    path = given_path(path, "path")
    return _whole_records(read_fasta_pieces(path, iupac=iupac, unique=unique))


def _whole_records(pieces: Iterator[FastaPiece]) -> Iterator[FastaRecord]:
    whole = bytearray()
    for piece in pieces:
        whole += piece.annotated.data
        if piece.ends:
            # The array owns the bytearray's memory, and becomes the tokens in place.
            annotated = np.frombuffer(whole, dtype=np.uint8)
            soft_mask = annotated >= dna.SOFT_MASK_BIT
            annotated &= dna.TOKEN_BITS
            yield FastaRecord(piece.name, piece.description, annotated, soft_mask, piece.counts)
            whole = bytearray()


def read_fasta_pieces(
    path: str | Path,
    *,
    iupac: Iupac = "unknown",
    start: int = 0,
    stop: int | None = None,
    line: int = 1,
    unique: bool = True,
) -> Iterator[FastaPiece]:
    """As :func:`read_fasta`, in pieces of about a megabyte: memory does not grow with a record.

    Args:
        start, stop: bytes of the decompressed file; ``start`` at the beginning of a record.
        line: the number of the first line there.
    """
    dna.check_iupac(iupac)
    reader = _Reader(Path(path), iupac, line, unique=unique)
    return reader.pieces(read_chunks(path, start=start, stop=stop))


class _Reader:
    """The state between two chunks of a file."""

    def __init__(self, path: Path, iupac: Iupac, line: int, *, unique: bool) -> None:
        self._path = path
        self._unique = unique
        self._iupac = iupac
        self._line = line  # of the next byte
        self._line_of_name: dict[str, int] = {}
        self._name: str | None = None  # of the open record
        self._description = ""
        self._counts = SequenceCounts()

    def pieces(self, chunks: Iterator[bytes]) -> Iterator[FastaPiece]:
        header: bytearray | None = None  # of a header line whose end is still to come
        at_line_start = True
        for chunk in chunks:
            position = 0
            while position < len(chunk):
                if header is None:
                    stop = _next_header(chunk, position, at_line_start)
                    annotated = self._take(chunk[position:stop])
                    at_line_start = stop < len(chunk) or chunk.endswith(b"\n")
                    ends = stop < len(chunk)
                    if self._name is not None and (annotated or ends):
                        yield self._piece(annotated, ends)
                    if ends:
                        header = bytearray()
                    position = stop + 1
                else:
                    end = chunk.find(b"\n", position)
                    stop = len(chunk) if end < 0 else end
                    header += chunk[position:stop]
                    if len(header) > _HEADER_LIMIT:
                        raise self._error(f"the header exceeds {_HEADER_LIMIT} bytes; is it FASTA?")
                    if end >= 0:
                        self._open(bytes(header))
                        header, at_line_start = None, True
                    position = stop + 1
        if header is not None:
            self._open(bytes(header))
        if self._name is None:
            raise self._error("no records; expected FASTA, with lines that begin with '>'")
        yield self._piece(b"", True)

    def _piece(self, annotated: bytes, ends: bool) -> FastaPiece:
        assert self._name is not None
        if ends and not self._counts.bases:
            line = self._line_of_name[self._name]
            raise self._error("the record has no bases; remove it, or give its sequence", line=line)
        array = np.frombuffer(annotated, np.uint8)
        return FastaPiece(self._name, self._description, array, ends, self._counts)

    def _open(self, header: bytes) -> None:
        header = header.removesuffix(b"\r")
        if b"\r" in header:
            raise self._error("line ends are CR alone (old Mac text); convert them to LF")
        if b"\0" in header:
            raise self._error("byte 0x00 in a header: this looks like a binary file")
        try:
            words = header.decode().split(maxsplit=1)
        except UnicodeDecodeError as error:
            byte = header[error.start]
            raise self._error(
                f"byte 0x{byte:02x} in a header is not UTF-8; convert the file's encoding"
            ) from None
        if not words:
            raise self._error("a '>' without a name; write one after it, or remove the line")
        name = words[0]
        if not self._unique:
            self._line_of_name = {}
        first = self._line_of_name.setdefault(name, self._line)
        if first != self._line:
            raise self._error(
                f"the name {name!r} stands on line {first} already; rename one of the records"
            )
        self._name, self._description = name, words[1].rstrip() if len(words) > 1 else ""
        self._counts = SequenceCounts()
        self._line += 1

    def _take(self, body: bytes) -> bytes:
        if self._name is None:
            self._skip_blank(body)
            return b""
        annotated = dna.encode_annotated(body, iupac=self._iupac, delete=_LINE_ENDS)
        if dna.REFUSED in annotated:
            refused = dna.first_refused(body, iupac=self._iupac, delete=_LINE_ENDS)
            self._line += body.count(b"\n", 0, refused.offset)
            raise self._error(refused.reason)
        # What was deleted are line ends; carriage returns are mostly absent and so found fast.
        self._line += len(body) - len(annotated) - body.count(b"\r")
        # A chunk at a time: it still is in the cache.
        self._counts += dna.count(np.frombuffer(annotated, dtype=np.uint8))
        return annotated

    def _skip_blank(self, body: bytes) -> None:
        text = body.lstrip()
        self._line += body.count(b"\n", 0, len(body) - len(text))
        if text:
            hint = next(
                (hint for magic, hint in _OTHER_FORMATS.items() if text.startswith(magic)),
                "is it FASTA?",
            )
            shown = text[:20].splitlines()[0].decode("latin-1")
            raise self._error(f"expected '>' at the start, found {shown!r}; {hint}")

    def _error(self, message: str, *, line: int | None = None) -> InputError:
        where = f"line {self._line if line is None else line}"
        if self._name is not None:
            where = f"record {self._name}, {where}"
        return InputError(self._path, message, where=where)


def _next_header(chunk: bytes, position: int, at_line_start: bool) -> int:
    """Index of the next ``>`` that begins a line, or the length of the chunk."""
    while (found := chunk.find(b">", position)) >= 0:
        if chunk[found - 1] == 10 if found else at_line_start:
            return found
        position = found + 1
    return len(chunk)
