"""Where an edit lies in its genome, which has its reference allele there, and its two windows."""

from __future__ import annotations

import difflib
from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import numpy as np

from hnet_seq.tasks.choices import WINDOW
from modalities import dna
from modalities.base import Bases, Tokens
from modalities.errors import InputError, UsageError
from pipelines.formats.alleles import LEAVE_OUT, Variant, without_letters
from pipelines.formats.genome import Genome

Kind = Literal["SNV", "MNV", "insertion", "deletion", "indel"]
KINDS: tuple[Kind, ...] = ("SNV", "MNV", "insertion", "deletion", "indel")

REASONS = {
    "symbolic": "an allele in angle brackets, or as callers wrote it before there were any",
    "breakend": "an end of a rearrangement",
    "overlapping_deletion": "the allele *",
    "no_alternative": "the allele .",
    "no_reference": "a reference allele without letters",
    "telomere": "the N of position 0 or of one past the end, where VCF places telomeres",
    "unknown_base": "an allele that holds N or an ambiguity code, or replaces one",
    "same_as_reference": "both alleles are one",
    "too_long": "an allele of more than half the window or of half a short record, or in a repeat "
    "of more than 8 windows",
    "overlap": "another allele of the haplotype on the bases that are changed, or in the repeat in "
    "which the edit has several places",
    "mismatch": "a reference allele that the genome does not have there (--on-mismatch skip)",
    "no_record": "a chromosome that the genome does not have (--on-mismatch skip)",
    "no_variant": "a row that is no variant (--on-mismatch skip)",
}

_KNOWN = frozenset("ACGT")
_LONGEST_SPAN = 8  # windows
REACH = _LONGEST_SPAN + 2  # windows from an edit; no window of it goes further
_FLANK_SHARE = 4  # a flank is at least a window over this


@dataclass(frozen=True)
class Placed:
    """An edit that can be scored.

    Attributes:
        start, end: 0-based bounds of what it replaces, after the letters that both alleles share
            at their ends are taken off; of equal places the leftmost.
        alt: (n,) tokens that take their place.
        reach: 0-based end of the span of all places at which an insertion or deletion gives the
            same sequence; ``end`` where there is one.
        first, last: 0-based bounds of the window in the record.
    """

    variant: Variant
    kind: Kind
    start: int
    end: int
    alt: Tokens
    reach: int
    first: int
    last: int

    @property
    def tokens(self) -> int:
        """Bases of both windows."""
        return 2 * (self.last - self.first) - (self.end - self.start) + len(self.alt)

    @property
    def reference_key(self) -> Hashable:
        """Equal for edits with the same reference window."""
        return self.variant.chrom, self.first, self.last

    @property
    def key(self) -> Hashable:
        """Equal for edits with the same windows."""
        return (self.reference_key, self.start, self.end, self.alt.tobytes())


def place(
    genome: Genome, variant: Variant, *, window: int = WINDOW, skip_mismatches: bool = False
) -> Placed | str:
    """Find a variant's windows; or why it has no score, one of ``REASONS``.

    What is placed is the edit, however its row spells it. The letters that both alleles share at
    their ends are taken off. An insertion or deletion that gives the same sequence at several
    places, as in a repeat, has the span of all of them. Flanks of equal length are laid around the
    span so that the longer of the two windows has ``window`` bases, or one more where the flanks
    would differ; each is at least a quarter of ``window``. Of an SNV in an even window the right
    flank has a base less. Where a record ends a flank goes on at the other side of the edit, and a
    short record goes in whole. Both windows hold the same flanks: they begin and end at the same
    places of the genome. So they are the same for every spelling, change places for the inverse
    edit of the edited genome, and are the reverse complements on the other strand of it.

    Raises:
        InputError: a row that is no variant, a chromosome that the genome does not have, a position
            beyond its end, or another reference allele there; with the line and the remedy.
    """
    if variant.fault:
        if skip_mismatches:
            return "no_variant"
        raise variant.refusal(LEAVE_OUT)
    # What has no letters needs no place: telomeres lie at 0 and one past the end.
    known = _KNOWN.issuperset(variant.ref + variant.alt)
    reason = None if known else _without_place(genome, variant)
    reason = reason or check_reference(genome, variant, skip_mismatches)
    if reason is not None:
        return reason
    if variant.ref == variant.alt:
        return "same_as_reference"
    start, ref, alt = trimmed(variant.pos - 1, variant.ref, variant.alt)
    end = start + len(ref)
    replaced = genome.fetch(variant.chrom, start, end)
    if not _KNOWN.issuperset(ref + alt) or (replaced >= dna.UNKNOWN).any():
        return "unknown_base"
    return place_edit(genome, variant, start, end, dna.encode(alt), window)


def place_edit(
    genome: Bases, variant: Variant, start: int, end: int, letters: Tokens, window: int
) -> Placed | str:
    """As :func:`place`, of the letters (n,) that take the place of [start, end) and share none."""
    record, length = genome.lengths[variant.chrom], end - start
    shorter = min(window, record, record - length + len(letters))
    if max(length, len(letters)) > shorter // 2:
        return "too_long"
    left = right = 0
    if not length or not len(letters):
        most = _LONGEST_SPAN * window
        own = letters if len(letters) else genome.fetch(variant.chrom, start, end)
        left, right = (_shifts(genome, variant.chrom, start, end, own, s, most) for s in (-1, 1))
        if left + right + len(own) > most:
            return "too_long"
        start, end, letters = start - left, end - left, np.roll(letters, left)
    span, reach = left + right + max(length, len(letters)), end + left + right
    kind = _kind(length, len(letters))
    first, last = _bounds(start, reach, record, _flanks(kind, span, window))
    return Placed(variant, kind, start, end, letters, reach, first, last)


def _without_place(genome: Genome, variant: Variant) -> str | None:
    """Why a row needs no place; VCF 4.3, section 1.6.1, has telomeres where there is no base.

    Any other letter than N at position 0 is the mark of positions that begin at 0.
    """
    if (reason := without_letters(variant.alt)) is not None:
        return reason
    if without_letters(variant.ref) is not None:
        return "no_reference"
    end = genome.lengths.get(variant.chrom)
    at_end = end is not None and variant.pos in (0, end + 1)
    return "telomere" if at_end and variant.ref == "N" else None


def check_window(window: int) -> None:
    """Raise UsageError for a window in which nothing could be scored."""
    if not isinstance(window, Integral) or window < 2:
        raise UsageError("window", f"is {window!r}; expected 2 or more bases, a whole number")


def windows(genome: Bases, placed: Placed) -> tuple[Tokens, Tokens]:
    """The tokens without and with the edit."""
    chrom = placed.variant.chrom
    reference = genome.fetch(chrom, placed.first, placed.last)
    left = reference[: placed.start - placed.first]
    right = reference[placed.end - placed.first :]
    return reference, np.concatenate([left, placed.alt, right])


def trimmed(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Start and alleles without the letters that both end or begin with."""
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[-1 - shared] == alt[-1 - shared]:
        shared += 1
    ref, alt = ref[: len(ref) - shared], alt[: len(alt) - shared]
    first = 0
    while first < min(len(ref), len(alt)) and ref[first] == alt[first]:
        first += 1
    return start + first, ref[first:], alt[first:]


def _shifts(
    genome: Bases, chrom: str, start: int, end: int, own: Tokens, step: int, most: int
) -> int:
    """How far an insertion or deletion of ``own`` at [start, end) moves without another result.

    Args:
        step: 1 to the right, -1 to the left.
        most: after more nobody asks.
    """
    record, found, block = genome.lengths[chrom], 0, 64
    while found <= most:
        if step > 0:
            near = genome.fetch(chrom, end + found, min(record, end + found + block))
        else:
            near = genome.fetch(chrom, max(0, start - found - block), start - found)[::-1]
        # A move takes in the next base at one side, and drops the base a period before it.
        places = np.arange(found, found + len(near)) % len(own)
        differ = np.flatnonzero(near != own[places if step > 0 else -1 - places])
        if len(differ):
            return found + int(differ[0])
        found += len(near)
        if len(near) < block:
            return found
        block = min(2 * block, 1 << 16)
    return found


def _flanks(kind: Kind, span: int, window: int) -> tuple[int, int]:
    """Bases asked for on the left and on the right of the span."""
    if kind == "SNV":
        return window // 2, window - 1 - window // 2
    each = max(-((span - window) // 2), window // _FLANK_SHARE)
    return each, each


def _bounds(start: int, end: int, record: int, flanks: tuple[int, int]) -> tuple[int, int]:
    """The window around [start, end): what a flank lacks at an end of the record the other gets."""
    left, right = flanks
    on_left, on_right = start, record - end  # as many with the edit as without it
    first = start - min(on_left, left + max(0, right - on_right))
    last = end + min(on_right, right + max(0, left - on_left))
    return first, last


def _kind(replaced: int, letters: int) -> Kind:
    if not replaced:
        return "insertion"
    if not letters:
        return "deletion"
    if replaced != letters:
        return "indel"
    return "SNV" if replaced == 1 else "MNV"


def check_reference(genome: Genome, variant: Variant, skip_mismatches: bool) -> str | None:
    """None where the reference allele stands there, else why the row is left out.

    Under an ambiguity code of the genome a reference allele may have the code, N, or a base that
    the code stands for: VCF 4.3, section 1.6.1, wants the first of these by the alphabet, and some
    programs write another.

    Raises:
        InputError: the row does not fit, as :func:`place` has it, and is not to be left out.
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
    if _KNOWN.issuperset(ref) and (genome.fetch(chrom, start, end) == dna.encode(ref)).all():
        return None
    there = genome.letters(chrom, start, end)  # with its ambiguity codes
    if all(map(_stands_for, there, ref)):
        return None
    return (
        "mismatch",
        f"the reference allele is {_shown(ref)}, and the genome has {_shown(there)} there; "
        "is it another assembly, or 0-based?",
    )


def _stands_for(letter: str, own: str) -> bool:
    return own == letter or (letter in dna.AMBIGUITY and own in dna.AMBIGUITY[letter] + "N")


def _shown(allele: str) -> str:
    return allele if len(allele) <= 20 else f"{allele[:17]}... ({len(allele)} bases)"


def _known_names(genome: Genome, chrom: str) -> str:
    names = list(genome.lengths)
    other = chrom[3:] if chrom.startswith("chr") else f"chr{chrom}"
    if other in genome.lengths:
        return f"the genome has {other!r}: rename one of them"
    close = difflib.get_close_matches(chrom, names, n=3, cutoff=0.4) or names[:3]
    return f"the genome has {len(names)}, as {', '.join(close)}"
