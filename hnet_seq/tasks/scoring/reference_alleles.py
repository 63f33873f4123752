"""Whether the genome has what a row says it has."""

from __future__ import annotations

import difflib

from modalities.dna import AMBIGUITY
from modalities.errors import InputError
from pipelines.formats.alleles import LEAVE_OUT, Variant
from pipelines.formats.genome import Genome


def at_telomere(genome: Genome, variant: Variant) -> bool:
    """Whether a row lies where there is no base: VCF 4.3, section 1.6.1, has telomeres there.

    Any other letter than N at position 0 is the mark of positions that begin at 0.
    """
    length = genome.lengths.get(variant.chrom)
    return variant.ref == "N" and length is not None and variant.pos in (0, length + 1)


def check_reference(genome: Genome, variant: Variant, skip_mismatches: bool) -> str | None:
    """None where the reference allele stands there, else why the row is left out.

    Under an ambiguity code of the genome a reference allele may have the code, N, or a base that
    the code stands for: VCF 4.3, section 1.6.1, wants the first of these by the alphabet, and some
    programs write another.

    Raises:
        InputError: a chromosome that the genome does not have, a position beyond its end, or
            another allele there, and rows are not to be left out.
    """
    found = reference_fault(genome, variant)
    if found is None:
        return None
    reason, message = found
    if skip_mismatches:
        return reason
    raise InputError(variant.path or genome.path, f"{message} ({LEAVE_OUT})", where=variant.where)


def reference_fault(genome: Genome, variant: Variant) -> tuple[str, str] | None:
    """A short reason and a message for a reference allele that the genome does not have."""
    chrom, ref = variant.chrom, variant.ref
    if chrom not in genome.lengths:
        return "no_record", f"no record {chrom!r}; {_known_names(genome, chrom)}"
    start, end = variant.pos - 1, variant.pos - 1 + len(ref)
    if start < 0:
        return "mismatch", "position 0 is before the first base; are positions 0-based?"
    if end > genome.lengths[chrom]:
        return (
            "mismatch",
            f"the reference allele ends at {end}, and {chrom} has {genome.lengths[chrom]} bases; "
            "is it another assembly?",
        )
    there = genome.letters(chrom, start, end)
    if there == ref or all(map(_stands_for, there, ref)):
        return None
    return (
        "mismatch",
        f"the reference allele is {_shown(ref)}, and the genome has {_shown(there)} there; "
        "is it another assembly, or 0-based?",
    )


def _stands_for(letter: str, own: str) -> bool:
    return own == letter or (letter in AMBIGUITY and own in AMBIGUITY[letter] + "N")


def _shown(allele: str) -> str:
    return allele if len(allele) <= 20 else f"{allele[:17]}... ({len(allele)} bases)"


def _known_names(genome: Genome, chrom: str) -> str:
    names = list(genome.lengths)
    other = chrom[3:] if chrom.startswith("chr") else f"chr{chrom}"
    if other in genome.lengths:
        return f"the genome has {other!r}: rename one of them"
    close = difflib.get_close_matches(chrom, names, n=3, cutoff=0.4) or names[:3]
    return f"the genome has {len(names)}, as {', '.join(close)}"
