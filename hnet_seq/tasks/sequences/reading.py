"""How sequences are read from places on a genome, and from rows of a table."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import InputError
from modalities.given_paths import a_kind_of
from pipelines.formats.table_rows import RowFilter


@dataclass(frozen=True)
class Reading:
    """What is said beside the input.

    Attributes:
        genome: FASTA, GenBank or 2bit that the places of a BED file lie on.
        blocks: join the blocks of BED rows; else the whole span is read, and standard error says
            how many rows have blocks.
        haplotypes: phased VCF or BCF: each row of BED is read once for each haplotype of each
            sample, with its alleles in place of the genome's.
        samples: of ``haplotypes``, whose; all if empty.
        where: which rows of a table are wanted.
    """

    genome: str | Path | None = None
    blocks: bool = False
    haplotypes: str | Path | None = None
    samples: tuple[str, ...] = ()
    where: RowFilter | None = None

    @classmethod
    def of(cls, args: argparse.Namespace) -> Reading:
        """As options of the command line say."""
        where = RowFilter.parse(args.where)
        samples = tuple(name for text in args.samples for name in text.split(","))
        return cls(args.genome, args.blocks, args.haplotypes, samples, where)


AS_IT_IS = Reading()


def given_samples(given: str | Iterable[str]) -> tuple[str, ...]:
    """Names of samples as a caller hands them to a function; a string is one.

    Raises:
        InputError: they are something else. Names ``samples``.
    """
    if isinstance(given, str):
        return (given,)
    names = tuple(given) if isinstance(given, Iterable) else (given,)
    if all(isinstance(name, str) for name in names):
        return names
    said = f"is {a_kind_of(given)}; give the name of a sample, or a list of names"
    raise InputError(None, said, where="samples")
