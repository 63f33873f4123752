"""GenBank to the records that FASTA gives; Biopython's scanner reads the format."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from Bio import BiopythonParserWarning
from Bio.GenBank.Scanner import GenBankScanner
from Bio.Seq import UndefinedSequenceError

from modalities import dna
from modalities.dna import Iupac
from modalities.errors import InputError
from pipelines.formats.fasta import FastaPiece, FastaRecord
from pipelines.storage.compression import read_chunks

_LINE_LIMIT = 1 << 20  # bytes; a file without line ends is not read whole
# What Biopython only warns of, though the sequence is then not the one that was written.
_SERIOUS = ("Expected sequence length", "Premature end of file")


def read_genbank(
    path: str | Path, *, iupac: Iupac = "unknown", unique: bool = True
) -> Iterator[FastaRecord]:
    """The records of a plain, gzip or bgzip GenBank file, in its order, sequences whole.

    A record's name is its accession with version, as in the FASTA file of the same entry, or
    the name on its LOCUS line where it has none. Its features are for
    `pipelines.formats.genbank_features`. GenBank writes all bases in lower case, so nothing is
    soft-masked.

    Args:
        iupac: ambiguity codes other than N become ``unknown``, or are an ``error``.
        unique: a repeated name is an error; False where nothing is looked up by name.

    Raises:
        InputError: the file is missing, truncated, not GenBank or not DNA; a record has no
            sequence, another length than its LOCUS line says, or a name that was there already.
            With the record. Records before it have been yielded.
        UsageError: an ``iupac`` that is neither.
    """
    dna.check_iupac(iupac)
    return map(_whole, read_genbank_pieces(path, iupac=iupac, unique=unique))


def _whole(piece: FastaPiece) -> FastaRecord:
    tokens = piece.annotated & np.uint8(dna.TOKEN_BITS)
    no_mask = np.zeros(len(tokens), np.bool_)
    return FastaRecord(piece.name, piece.description, tokens, no_mask, piece.counts)


def read_genbank_pieces(
    path: str | Path, *, iupac: Iupac = "unknown", unique: bool = True
) -> Iterator[FastaPiece]:
    """As :func:`read_genbank`, each record whole, with what its ambiguity codes stand for."""
    dna.check_iupac(iupac)
    names: set[str] = set()
    for found, lines in read_entries(Path(path)):
        piece = _piece(found, lines, iupac)
        if unique and piece.name in names:
            raise lines.error(f"the name {piece.name!r} is there twice; rename one of the records")
        names.add(piece.name)
        yield piece


def read_entries(path: Path, *, features: bool = False) -> Iterator[tuple[Any, Lines]]:
    """Biopython's record of each entry, and the lines that it was read from, for errors.

    Raises:
        InputError: the file is missing, truncated, not GenBank, or has no entries.
    """
    lines = Lines(path)
    scanner = GenBankScanner()
    count = 0
    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", BiopythonParserWarning)
            try:
                found = scanner.parse(lines, do_features=features)
            except InputError:
                raise
            # The scanner has checks of its own, and asserts and indexes where it has none.
            except (ValueError, AssertionError, LookupError, AttributeError) as error:
                words = " ".join(str(error).split())[:200] or type(error).__name__
                raise lines.error(f"not GenBank ({words}); fetch or write it again") from None
        for warning in caught:
            if str(warning.message).startswith(_SERIOUS):
                raise lines.error(
                    f"{str(warning.message).rstrip('.')}: the record is incomplete; fetch it again"
                )
        if found is None:
            break
        count += 1
        yield found, lines
    if not count:
        raise lines.error("no records; expected GenBank, which begins with LOCUS")


def entry_name(found: Any) -> str:
    """The accession with its version, or else the name on the LOCUS line."""
    return str(found.id if found.id and not found.id.startswith("<unknown") else found.name)


def _piece(found: Any, lines: Lines, iupac: Iupac) -> FastaPiece:
    name = entry_name(found)
    try:
        letters = bytes(found.seq)
    except UndefinedSequenceError:
        letters = b""
    if not letters:
        raise lines.error(
            "the record has no sequence, only where it is assembled from (CON) or nothing; "
            "download it with its sequence (NCBI: 'GenBank (full)', or rettype gbwithparts)"
        )
    # In upper case by Biopython, as the format's lower case says nothing.
    annotated = np.frombuffer(
        bytearray(dna.encode_annotated(letters.upper(), iupac=iupac)), np.uint8
    )
    if (annotated == dna.REFUSED).any():
        refused = dna.first_refused(letters, iupac=iupac)
        raise lines.error(f"base {refused.offset + 1}: {refused.reason}")
    description = "" if found.description.startswith("<unknown") else found.description
    return FastaPiece(name, description, annotated, True, dna.count(annotated))


class Lines:
    """A text file as the scanner reads it, which knows where it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chunks = read_chunks(path)
        self._lines: Iterator[bytes] = iter(())
        self._rest = b""
        self._number = 0
        self._locus = ""
        self._in_features = False
        self._end = ""  # of an entry, where it has to wait

    def readline(self) -> str:
        """The next line with its end; nothing after the last one.

        An entry that ends with its features gets an ORIGIN without bases, which Biopython asks for.
        """
        if self._end:
            line, self._end = self._end, ""
            return line
        line = self._next()
        if not line.startswith(" "):
            if self._in_features and line.startswith("//"):
                line, self._end = "ORIGIN\n", line
            self._in_features = line.startswith("FEATURES")
        return line

    def _next(self) -> str:
        line = next(self._lines, None)
        while line is None and (chunk := next(self._chunks, None)) is not None:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > _LINE_LIMIT:
                raise self.error(f"a line exceeds {_LINE_LIMIT} bytes; is it GenBank?")
            self._lines = iter(lines)
            line = next(self._lines, None)
        if line is None:
            line, self._rest = self._rest, b""
            if not line:
                return ""
        self._number += 1
        # Only descriptions have other letters, and older files have them in other encodings.
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        if text.startswith("LOCUS"):
            self._locus = " ".join(text.split()[1:2])
        return text + "\n"

    def error(self, message: str) -> InputError:
        """An error about the record at hand."""
        where = f"line {self._number}"
        return InputError(
            self._path, message, where=f"record {self._locus}, {where}" if self._locus else where
        )
