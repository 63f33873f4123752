"""Records of a sequence file, whatever its format: its content tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from modalities import dna
from modalities.dna import Iupac
from pipelines.formats.fasta import FastaPiece, FastaRecord, read_fasta, read_fasta_pieces
from pipelines.formats.twobit import SIGNATURES, read_twobit
from pipelines.storage.compression import read_chunks

Format = Literal["fasta", "genbank", "2bit"]

_HEAD = 4096  # bytes; a release of GenBank has ten lines of its own before the first record
_LOCUS = re.compile(rb"^LOCUS {2,}\S", re.MULTILINE)


def sequence_format(path: str | Path) -> Format:
    """What a plain, gzip or bgzip file holds; ``fasta`` for what is none of these.

    Raises:
        InputError: the file is missing, unreadable or compressed in another way.
    """
    head = next(read_chunks(path, chunk=_HEAD), b"")
    if head[:4] in SIGNATURES:
        return "2bit"
    if not head.lstrip().startswith(b">") and _LOCUS.search(head):
        return "genbank"
    return "fasta"


def read_records(
    path: str | Path, *, iupac: Iupac = "unknown", unique: bool = True
) -> Iterator[FastaRecord]:
    """The records of a FASTA, GenBank or 2bit file, in its order.

    Args:
        iupac: ambiguity codes other than N become ``unknown``, or are an ``error``; 2bit has none.
        unique: a repeated name is an error; False where nothing is looked up by name.

    Raises:
        InputError: as the reader of its format: `pipelines.formats.fasta.read_fasta`,
            `pipelines.formats.genbank.read_genbank`, `pipelines.formats.twobit.read_twobit`.
        UsageError: an ``iupac`` that is neither.
    """
    dna.check_iupac(iupac)
    found = sequence_format(path)
    if found == "2bit":
        return read_twobit(path)
    if found == "genbank":
        from pipelines.formats.genbank import (
            read_genbank,  # Biopython is not needed for anything else
        )

        return read_genbank(path, iupac=iupac, unique=unique)
    return read_fasta(path, iupac=iupac, unique=unique)


def read_pieces(
    path: str | Path,
    *,
    iupac: Iupac = "unknown",
    start: int = 0,
    stop: int | None = None,
    line: int = 1,
) -> Iterator[FastaPiece]:
    """The records of a file as :func:`read_records`, those of FASTA in pieces of about a megabyte.

    Args:
        start, stop, line: of plain FASTA, as of :func:`pipelines.formats.fasta.read_fasta_pieces`.
    """
    if sequence_format(path) == "fasta":
        yield from read_fasta_pieces(path, iupac=iupac, start=start, stop=stop, line=line)
        return
    for record in read_records(path, iupac=iupac):
        annotated = record.tokens | record.soft_mask * np.uint8(dna.SOFT_MASK_BIT)
        yield FastaPiece(record.name, record.description, annotated, True, record.counts)
