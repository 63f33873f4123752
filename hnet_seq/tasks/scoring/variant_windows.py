"""Where a variant lies in its genome, and two windows of equal length, without it and with it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hnet_seq.tasks.choices import WINDOW
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.genome import Genome
from pipelines.variants import MISSING_ALLELE, Variant

Kind = Literal["SNV", "MNV", "insertion", "deletion", "indel"]
KINDS: tuple[Kind, ...] = ("SNV", "MNV", "insertion", "deletion", "indel")

REASONS = {
    "symbolic": "an allele in angle brackets",
    "breakend": "an end of a rearrangement",
    "overlapping_deletion": "the allele *",
    "no_alternative": "the allele .",
    "unknown_base": "an allele that holds N",
    "same_as_reference": "both alleles are one",
    "too_long": "an allele of more than half the window, or of half a short record",
    "mismatch": "a reference allele that the genome does not have there (--on-mismatch skip)",
}

_KNOWN = frozenset("ACGT")


@dataclass(frozen=True)
class Placed:
    """A variant that can be scored.

    Attributes:
        start, end: 0-based bounds of what it replaces, after the letters that both alleles share
            at their ends are taken off.
        alt: (n,) tokens that take their place.
        window_start: 0-based first base of the reference window.
        alt_start: of the genome, the first base of the window with the variant.
        length: bases of each window.
    """

    variant: Variant
    kind: Kind
    start: int
    end: int
    alt: Tokens
    window_start: int
    alt_start: int
    length: int

    @property
    def reference_key(self) -> tuple[str, int, int]:
        """Equal for variants with the same reference window."""
        return self.variant.chrom, self.window_start, self.length

    @property
    def key(self) -> tuple[str, int, int, int, int, bytes]:
        """Equal for variants with the same window."""
        return (*self.reference_key, self.start, self.end, self.alt.tobytes())


def place(
    genome: Genome, variant: Variant, *, window: int = WINDOW, skip_mismatches: bool = False
) -> Placed | str:
    """Find a variant's windows; or why it has no score, one of ``REASONS``.

    The letters that both alleles share are taken off, the last ones first, so that a variant's
    score does not depend on how many of them its row repeats. The reference window has ``window``
    bases with the variant in its middle; at the ends of a record it moves inwards, and a shorter
    record goes in whole. The window with the variant begins at the same base and has as many: after
    an insertion it ends earlier on the genome, after a deletion later. Only where the record ends
    too early for that does it begin elsewhere: earlier, to be full, or later, to hold the
    insertion. Where a deletion leaves a record with fewer bases than a window, both windows have
    as many as it leaves.

    Raises:
        InputError: a chromosome that the genome does not have, a position beyond its end, or
            another reference allele there; with the line, both alleles and the remedy.
    """
    reference = _check_reference(genome, variant, skip_mismatches)
    if reference is not None:
        return reference
    reason = _without_letters(variant.alt)
    if reason is not None:
        return reason
    if not _KNOWN.issuperset(variant.ref + variant.alt):
        return "unknown_base"
    if variant.ref == variant.alt:
        return "same_as_reference"
    start, ref, alt = trimmed(variant)
    record = genome.lengths[variant.chrom]
    end = start + len(ref)
    changed = record - len(ref) + len(alt)
    length = min(window, record, changed)
    if max(len(ref), len(alt)) > length // 2:
        return "too_long"
    middle = (start + end) // 2
    window_start = min(max(0, middle - length // 2), record - length)
    alt_start = min(max(window_start, start + len(alt) - length), changed - length)
    return Placed(
        variant, _kind(ref, alt), start, end, dna.encode(alt), window_start, alt_start, length
    )


def check_window(window: int) -> None:
    """Raise UsageError for a window in which nothing could be scored."""
    if window < 2:
        raise UsageError("--window", f"is {window}; expected 2 or more bases")


def windows(genome: Genome, placed: Placed) -> tuple[Tokens, Tokens]:
    """The tokens without and with the variant, each (``length``,)."""
    chrom = placed.variant.chrom
    reference = genome.fetch(chrom, placed.window_start, placed.window_start + placed.length)
    left = genome.fetch(chrom, placed.alt_start, placed.start)
    rest = placed.length - len(left) - len(placed.alt)
    right = genome.fetch(chrom, placed.end, placed.end + rest)
    return reference, np.concatenate([left, placed.alt, right])


def trimmed(variant: Variant) -> tuple[int, str, str]:
    """0-based start and alleles without the letters that both end or begin with."""
    ref, alt = variant.ref, variant.alt
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[-1 - shared] == alt[-1 - shared]:
        shared += 1
    ref, alt = ref[: len(ref) - shared], alt[: len(alt) - shared]
    first = 0
    while first < min(len(ref), len(alt)) and ref[first] == alt[first]:
        first += 1
    return variant.pos - 1 + first, ref[first:], alt[first:]


def _kind(ref: str, alt: str) -> Kind:
    if not ref:
        return "insertion"
    if not alt:
        return "deletion"
    if len(ref) != len(alt):
        return "indel"
    return "SNV" if len(ref) == 1 else "MNV"


def _without_letters(allele: str) -> str | None:
    if allele == MISSING_ALLELE:
        return "no_alternative"
    if allele == "*":
        return "overlapping_deletion"
    if "[" in allele or "]" in allele or "." in allele:
        return "breakend"
    return "symbolic" if allele.startswith("<") else None


def _check_reference(genome: Genome, variant: Variant, skip_mismatches: bool) -> str | None:
    path, chrom = variant.path or genome.path, variant.chrom
    if chrom not in genome.lengths:
        raise InputError(
            path, f"no record {chrom!r}; {_known_names(genome, chrom)}", where=variant.where
        )
    start, end = variant.pos - 1, variant.pos - 1 + len(variant.ref)
    if end > genome.lengths[chrom]:
        if skip_mismatches:
            return "mismatch"
        raise InputError(
            path,
            f"the reference allele ends at {end}, and {chrom} has {genome.lengths[chrom]} bases; "
            "is it another assembly? (--on-mismatch skip leaves such rows out)",
            where=variant.where,
        )
    found = dna.decode(genome.fetch(chrom, start, end))
    if found == variant.ref:
        return None
    if skip_mismatches:
        return "mismatch"
    raise InputError(
        path,
        f"the reference allele is {_shown(variant.ref)}, and the genome has {_shown(found)} there; "
        "is it another assembly, or 0-based? (--on-mismatch skip leaves such rows out)",
        where=variant.where,
    )


def _shown(allele: str) -> str:
    return allele if len(allele) <= 20 else f"{allele[:17]}... ({len(allele)} bases)"


def _known_names(genome: Genome, chrom: str) -> str:
    names = list(genome.lengths)
    other = chrom[3:] if chrom.startswith("chr") else f"chr{chrom}"
    if other in genome.lengths:
        return f"the genome has {other!r}: rename one of them"
    close = difflib.get_close_matches(chrom, names, n=3, cutoff=0.4) or names[:3]
    return f"the genome has {len(names)}, as {', '.join(close)}"
