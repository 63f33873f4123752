"""Variants on the haplotypes of samples: both windows have the haplotype's other alleles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.jobs.job import Tell
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.variant_score import (
    NUMBERS,
    PlacedVariant,
    VariantScore,
    Windows,
    score_part,
    score_windows,
    scores_of,
)
from hnet_seq.tasks.scoring.variant_scores import PART_TOKENS
from hnet_seq.tasks.scoring.variant_windows import REACH, Placed, place_edit, windows
from hnet_seq.tasks.sequences.haplotype import UNPHASED, Edit, Edited, Haplotype
from hnet_seq.tasks.sequences.haplotypes import merged, read_around
from modalities import dna
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome


@dataclass(frozen=True)
class HaplotypeScore(VariantScore):
    """An allele's score on a haplotype: the haplotype's other alleles stand in both windows.

    Attributes:
        sample, haplotype: whose, and its number from 1.
        carried: whether the haplotype has the allele; None where its genotype there is not known.
        neighbours: other alleles of the haplotype in the window.
        unphased: of these, whose phase is not known: with the allele, where the haplotype has it,
            else with the first of them.
        missing: genotypes in the window that are not known; the genome's letters stand there.
        genome_llr: ``llr`` on the genome itself.
    """

    sample: str = ""
    haplotype: int = 0
    carried: bool | None = None
    neighbours: int = 0
    unphased: int = 0
    missing: int = 0
    genome_llr: float = math.nan


_ABOUT = ("sample", "haplotype", "carried", "neighbours", "unphased", "missing")


@dataclass(frozen=True)
class Context:
    """What a haplotype makes of a variant; ``what`` is None where its windows are the genome's."""

    sample: str
    haplotype: int
    carried: bool | None = None
    neighbours: int = 0
    unphased: int = 0
    missing: int = 0
    what: Windows | str | None = None


class OnHaplotypes:
    """The haplotypes of samples around variants.

    Args:
        calls: phased VCF or BCF.
        genome: the reference.
        samples: whose; all if empty.
        variants: all that will be asked for.
        window: bases of the longer window.

    Raises:
        InputError, UsageError: as :class:`hnet_seq.tasks.sequences.haplotypes.Haplotypes`.
    """

    def __init__(
        self,
        calls: str | Path,
        genome: Genome,
        samples: Sequence[str],
        variants: Iterable[PlacedVariant],
        window: int,
    ) -> None:
        self.path = Path(calls)
        self._genome = genome
        self._window = window
        far = REACH * window
        asked = merged(
            (own.chrom, at.start - far, at.reach + far)
            for own, at, _ in variants
            if isinstance(at, Placed)
        )
        self.haplotypes = read_around(calls, genome, samples, asked, REACH * window, window)
        self._count = cache(lambda record: sum(1 for _ in self.haplotypes.of(record)))

    def rows(self, row: PlacedVariant) -> int:
        """Of a variant: one on the genome, and one on each haplotype."""
        return 1 + (self._count(row.variant.chrom) if isinstance(row.placed, Placed) else 0)

    def contexts(self, row: PlacedVariant) -> Iterator[Context]:
        """Of each haplotype; of those that the record has nothing of, as many as of others."""
        variant, placed, _ = row
        for sample, number, copy in self.haplotypes.of(variant.chrom):
            if isinstance(placed, str):
                yield Context(sample, number, what=placed)
            else:
                yield self._context(placed, sample, number, copy)

    def _context(self, placed: Placed, sample: str, number: int, copy: Haplotype) -> Context:
        chrom = placed.variant.chrom
        around = copy.around(chrom, placed.start, placed.reach, REACH * self._window)
        near = [edit for edit in (edit.bare for edit in around) if edit.ref or edit.alt]
        own = [edit for edit in near if self._is(placed, edit)]
        others = [edit for edit in near if edit not in own]
        carried = True if own else None if self._is_unread(placed, copy) else False
        if any(_over(placed, edit) for edit in others):
            return Context(sample, number, carried, what="overlap")
        edited = Edited(self._genome, chrom, others)
        start, length = edited.at(placed.start), placed.end - placed.start
        there = place_edit(edited, placed.variant, start, start + length, placed.alt, self._window)
        if isinstance(there, str):
            return Context(sample, number, carried, what=there)
        found = edited.within(there.first, there.last)
        return Context(
            sample,
            number,
            carried,
            len(found),
            _unphased(own, found),
            copy.unknown(chrom, placed.first, placed.last),
            self._windows(edited, placed, there) if found else None,
        )

    def _windows(self, edited: Edited, placed: Placed, there: Placed) -> Windows:
        reference, changed = windows(edited, there)
        content = reference.tobytes()
        # Words of the genome that are read here, which beyond a deletion lie further away.
        counted = self._genome.fetch(placed.variant.chrom, *edited.under(there.first, there.last))
        return Windows(there, reference, changed, content, (content, changed.tobytes()), counted)

    def _is(self, placed: Placed, edit: Edit) -> bool:
        """Whether an allele of the haplotype is the variant, however either is written."""
        if edit.end < placed.start or edit.start > placed.reach:
            return False
        letters = dna.encode(edit.alt)
        if (len(edit.ref), len(letters)) != (placed.end - placed.start, len(placed.alt)):
            return False
        place = (edit.start, edit.end, letters, self._window)
        at = place_edit(self._genome, placed.variant, *place)
        return isinstance(at, Placed) and at.key == placed.key

    def _is_unread(self, placed: Placed, copy: Haplotype) -> bool:
        """Whether a genotype that is not known may have the variant, or is of its very place."""
        start = placed.start - (placed.start == placed.end)  # an insertion's is the base before
        bounds = placed.start, placed.end
        for row in copy.unread(placed.variant.chrom, max(0, start), placed.reach + 1):
            if row.says_any and row.start <= max(0, start) and placed.end <= row.end:
                return True
            if any((own.start, own.end) == bounds or self._is(placed, own) for own in row.edits):
                return True
        return False


def _over(placed: Placed, edit: Edit) -> bool:
    """Whether a variant and another allele of the haplotype cannot both stand, in one known way."""
    if edit.ref:
        return edit.start < placed.reach and placed.start < edit.end
    if placed.start == placed.end:  # which of two insertions comes first?
        return placed.start <= edit.start <= placed.reach
    return placed.start < edit.start < placed.reach


def _unphased(own: Sequence[Edit], others: Sequence[Edit]) -> int:
    first = next((edit.phase for edit in (*own, *others) if edit.phase), "")
    return sum(
        UNPHASED in (first, edit.phase) or edit.phase != first for edit in others if edit.phase
    )


def haplotype_rows(
    model: HNetForCausalLM,
    genome: Genome,
    on: OnHaplotypes,
    strands: Strands,
    markov: MarkovModel | None,
    batch_tokens: int,
    part: Sequence[PlacedVariant],
    done: int,
    tell: Tell,
) -> Iterator[tuple[Columns, int]]:
    """The ``NUMBERS`` of a part's variants, on the genome and then on each haplotype, for a job.

    On the genome they are those of a run without haplotypes, to the last bit; so are those on a
    haplotype that is the genome there. Where there is no score the row means nothing.
    """
    how: dict[str, Any] = {"strands": strands, "markov": markov, "batch_tokens": batch_tokens}
    on_genome = score_part(model, genome, part, **how, done=done)
    for batch in _batches(on, part):
        entries = [
            (row.variant, own.what)
            for row, found in batch
            for own in found
            if isinstance(own.what, Windows)
        ]
        before = batch[: max(0, done)]
        done -= len(before)
        read = sum(isinstance(own.what, Windows) for _, found in before for own in found)
        if len(before) == len(batch):
            continue
        scores = score_windows(model, entries, **how, done=read)
        for row, found in batch[len(before) :]:
            one = next(on_genome)
            rows = [one]
            if isinstance(row.placed, Placed):
                rows += [next(scores) if isinstance(own.what, Windows) else one for own in found]
            yield {"score": np.array([[getattr(own, name) for name in NUMBERS] for own in rows])}, 1


def _batches(
    on: OnHaplotypes, part: Iterable[PlacedVariant]
) -> Iterator[list[tuple[PlacedVariant, list[Context]]]]:
    """Variants whose windows on haplotypes are held at a time."""
    batch: list[tuple[PlacedVariant, list[Context]]] = []
    held = 0
    for row in part:
        found = list(on.contexts(row))
        batch.append((row, found))
        held += sum(own.what.placed.tokens for own in found if isinstance(own.what, Windows))
        if held >= PART_TOKENS:
            yield batch
            batch, held = [], 0
    yield batch


def scores_on(
    on: OnHaplotypes, part: Sequence[PlacedVariant], numbers: NDArray[np.float64]
) -> tuple[list[VariantScore], list[list[HaplotypeScore]]]:
    """The scores of variants on the genome and of each on each haplotype, which were kept.

    Args:
        numbers: (n, k) of ``NUMBERS``: of each variant :meth:`OnHaplotypes.rows`.
    """
    firsts = np.cumsum([0, *map(on.rows, part)])
    on_genome = scores_of(part, numbers[firsts[:-1]])
    on_each = [
        [
            _score(row.variant, own, one, numbers[i:])
            for i, own in enumerate(on.contexts(row), first)
        ]
        for row, one, first in zip(part, on_genome, firsts + 1, strict=False)
    ]
    return on_genome, on_each


def _score(
    variant: Variant, own: Context, one: VariantScore, numbers: NDArray[np.float64]
) -> HaplotypeScore:
    kind, skipped = one.kind, ""
    values: dict[str, Any] = {name: getattr(own, name) for name in _ABOUT}
    if isinstance(own.what, str):
        kind, skipped = "", own.what
    else:
        values |= zip(NUMBERS, map(float, numbers[0]), strict=True)
    return HaplotypeScore(variant, kind, skipped, **values, genome_llr=one.llr)
