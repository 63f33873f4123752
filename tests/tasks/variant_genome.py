"""A genome of two records, and the head of a VCF of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CHROM = "".join(np.random.default_rng(0).choice(list("ACGT"), 400))
CHROM = CHROM[:300] + "NNNN" + CHROM[304:]
SHORT = "ACGTTGCATG" * 3
OTHER = dict(zip("ACGT", "CTAG", strict=True))
HEADER = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def write_genome(path: Path) -> None:
    """As FASTA, the end of its first record in small letters."""
    path.write_text(f">c.1|x\n{CHROM[:200]}\n{CHROM[200:].lower()}\n>short\n{SHORT}\n")
