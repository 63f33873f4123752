"""Sequences at the places that a BED file names, in its order, on the strand that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np

from hnet_seq.tasks.sequences.haplotype import Haplotype
from hnet_seq.tasks.sequences.haplotypes import Haplotypes
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError
from pipelines.formats.bed import BedRow, bed_rows
from pipelines.formats.genome import Genome


def read_bed(
    path: Path, genome: Genome, *, blocks: bool = False, haplotypes: Haplotypes | None = None
) -> Iterator[tuple[str, Tokens]]:
    """(name, tokens (L,)) of each line: on ``-`` the reverse complement.

    The name is that of the fourth column where the file has one in every line and none twice,
    else NAME:START-END(strand), 1-based and inclusive.

    Args:
        blocks: join the blocks of rows that have several (BED12); else the whole span is read.
        haplotypes: read each row on each of these; ``|SAMPLE|NUMBER`` is added to its name, and one
            on which it has no bases is left out.

    Raises:
        InputError: as :func:`pipelines.formats.bed.bed_rows`; a strand that is none; blocks that do
            not lie in the row, where they are asked for; or there are no lines. With the line.
    """
    by_name = _names_are_unique(path)
    found = False
    for row in bed_rows(path, genome.lengths, strands=True):
        found = True
        try:
            strand = row.strand
            spans = row.blocks if blocks else [(row.start, row.end)]
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {row.line}") from None
        name = _name(row) if by_name else f"{row.record}:{row.start + 1}-{row.end}({strand})"
        copies: Iterable[tuple[str, Genome | Haplotype]] = [("", genome)]
        if haplotypes is not None:
            copies = ((f"|{own}|{number}", copy) for own, number, copy in haplotypes.of(row.record))
        for suffix, copy in copies:
            parts = [copy.fetch(row.record, start, end) for start, end in spans]
            tokens = parts[0] if len(parts) == 1 else np.concatenate(parts)
            if strand == "-":
                tokens = dna.reverse_complement(tokens)
            if len(tokens):
                yield name + suffix, tokens
    if not found:
        raise InputError(
            path, "no lines of BED; expected record, start and end", where="whole file"
        )


def _name(row: BedRow) -> str:
    return " ".join(row.name.split())


def _names_are_unique(path: Path) -> bool:
    met: set[bytes] = set()  # digests: names may be long, and there may be millions
    for row in bed_rows(path):
        name = _name(row)
        digest = blake2b(name.encode(), digest_size=8).digest()
        if not name or name == "." or digest in met:
            return False
        met.add(digest)
    return True
