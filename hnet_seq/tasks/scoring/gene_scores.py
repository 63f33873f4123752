"""Genes with premature stop codons, and without their bases: how much less likely they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.gene_edits import (
    GeneEdit,
    Turned,
    deletions,
    shifted,
    stop_edits,
    why_not,
)
from hnet_seq.analysis.genes import CodingSequence
from hnet_seq.analysis.genes.codons import stop_codons
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.zero_shot.codons import amino_acids
from hnet_seq.jobs.job import Tell
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.likelihoods import SHORTER, base_log_likelihoods, scoring
from hnet_seq.tasks.scoring.variant_score import Windows, score_windows, windows_of
from hnet_seq.tasks.scoring.variant_windows import place_edit
from modalities import dna
from modalities.base import Bases, Tokens
from modalities.errors import UsageError
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome


@dataclass(frozen=True)
class GeneOptions:
    """What is tried on each gene.

    Attributes:
        window: bases of the longer window of an edit.
        places: along the gene, where a codon becomes a stop.
        stop_codon: which; all of the gene's genetic code when None.
        genetic_code: of NCBI's, in place of what the annotation says.
    """

    window: int
    places: int
    stop_codon: str | None = None
    genetic_code: int | None = None

    def table(self, coding: CodingSequence) -> int:
        """The genetic code of a gene's stops.

        Raises:
            UsageError: NCBI has none of the number.
        """
        table = coding.table if self.genetic_code is None else self.genetic_code
        try:
            amino_acids(table)
        except UsageError:
            said = f"is needed: {coding.name} has transl_table {table}, and NCBI has no such code"
            raise UsageError("genetic_code", said) from None
        return table

    def stops(self, coding: CodingSequence) -> frozenset[str]:
        """Stop codons that are tried on a gene.

        Raises:
            UsageError: the one that is asked for is none in its code.
        """
        table = self.table(coding)
        found = stop_codons(table)
        if self.stop_codon is None:
            return found
        if self.stop_codon not in found:
            said = f"is {self.stop_codon}, no stop codon of genetic code {table} ({coding.name})"
            raise UsageError("stop_codon", f"{said}; expected {', '.join(sorted(found))}")
        return frozenset([self.stop_codon])


@dataclass(frozen=True)
class Gene:
    """One gene with its edits, in the coordinates of ``bases``.

    Attributes:
        bases: the genome, or its circular record turned so that the gene lies in the middle.
        edits: each with its windows, or why it has none.
        pieces: 0-based bounds of all coding bases, each at most half a window.
        table: the genetic code of the stops.
        skipped: why there are no edits, one of ``gene_edits.REASONS``; else empty.
    """

    record: str
    coding: CodingSequence
    bases: Bases
    edits: Sequence[tuple[GeneEdit | None, Variant, Windows | str]]
    pieces: Sequence[tuple[int, int]]
    table: int
    skipped: str = ""

    @property
    def tokens(self) -> int:
        """Bases of all windows."""
        return sum(own.placed.tokens for _, _, own in self.edits if isinstance(own, Windows))


@dataclass(frozen=True)
class GeneNumbers:
    """What is computed of a gene; NaN where there is nothing to compute it of.

    Attributes:
        gc: share of G and C of its known coding bases.
        bits_per_base: that its coding bases cost, each read behind half a window, or what there is.
        markov_bits: the same under the Markov model, whose counts leave these windows out.
        stops: premature stops that have a score.
        stop_llr: mean log-likelihood with one less that without, nats.
        stop_llr_min: of the worst.
        stop_markov_llr: as ``stop_llr``, of the Markov model.
        deletions: pieces whose deletion has a score.
        deletion_llr: of all of them together, nats a deleted base.
        deletion_markov_llr: the same of the Markov model.
        left_out: edits without a score.
    """

    gc: float = math.nan
    bits_per_base: float = math.nan
    markov_bits: float = math.nan
    stops: float = 0
    stop_llr: float = math.nan
    stop_llr_min: float = math.nan
    stop_markov_llr: float = math.nan
    deletions: float = 0
    deletion_llr: float = math.nan
    deletion_markov_llr: float = math.nan
    left_out: float = 0


NUMBERS = tuple(field.name for field in fields(GeneNumbers))
KINDS = {"gene": f"({len(NUMBERS)},)<f8"}


def gene_with_edits(
    genome: Genome, record: str, coding: CodingSequence, options: GeneOptions
) -> Gene:
    """A coding sequence with the edits that are tried on it."""
    stops = options.stops(coding)
    if (reason := why_not(coding)) is not None:
        return Gene(record, coding, genome, (), (), options.table(coding), reason)
    bases: Bases = genome
    chain = coding.chain
    if chain.length is not None:
        first = min(part.start for part in chain.parts)
        end = max(part.end for part in chain.parts)
        turn = (first + end - chain.length) // 2
        bases, chain = Turned(genome, record, turn), shifted(chain, turn)
    own = replace(coding, chain=chain)
    found = stop_edits(bases, record, own, options.places, stops)
    removed = deletions(chain, max(1, options.window // 2))
    edits = [_placed(bases, record, coding, edit, options.window) for edit in [*found, *removed]]
    pieces = [(edit.start, edit.end) for edit in removed]
    return Gene(record, coding, bases, edits, pieces, options.table(coding))


def _placed(
    bases: Bases, record: str, coding: CodingSequence, edit: GeneEdit | str, window: int
) -> tuple[GeneEdit | None, Variant, Windows | str]:
    if isinstance(edit, str):
        return None, Variant(record, 0, "", "", coding.name), edit
    there = bases.fetch(record, edit.start, edit.end)
    letters = (dna.decode(there), dna.decode(edit.alt))
    variant = Variant(record, edit.start + 1, *letters, coding.name)
    if (there >= dna.UNKNOWN).any() and edit.codon is None:
        return edit, variant, "unknown_base"
    placed = place_edit(bases, variant, edit.start, edit.end, edit.alt, window)
    if isinstance(placed, str):
        return edit, variant, placed
    found = windows_of(bases, placed)
    return edit, variant, replace(found, counted=_counted(bases, record, placed.first, placed.last))


def _counted(bases: Bases, record: str, start: int, end: int) -> Tokens:
    """Tokens as a Markov model counted them: no word goes over the origin."""
    if not isinstance(bases, Turned):
        return bases.fetch(record, start, end)
    pieces = bases.pieces(record, start, end)
    return np.concatenate([pieces[0], *([[dna.UNKNOWN], pieces[1]] if pieces[1:] else [])]).astype(
        np.uint8
    )


def gene_rows(
    model: HNetForCausalLM,
    markov: MarkovModel,
    strands: Strands,
    window: int,
    batch_tokens: int,
    part: Sequence[Gene],
    done: int,
    tell: Tell,
) -> Iterator[tuple[Columns, int]]:
    """The ``NUMBERS`` of genes, each of which is computed alone, for a job."""
    for gene in part[done:]:
        numbers = gene_numbers(model, markov, strands, window, batch_tokens, gene)
        yield {"gene": np.array([[getattr(numbers, name) for name in NUMBERS]])}, 1


def gene_numbers(
    model: HNetForCausalLM,
    markov: MarkovModel | None,
    strands: Strands,
    window: int,
    batch_tokens: int,
    gene: Gene,
) -> GeneNumbers:
    """What is computed of a gene; what is the Markov model's is NaN without one."""
    if gene.skipped:
        return GeneNumbers()
    entries = [(variant, own) for _, variant, own in gene.edits]
    scores = score_windows(
        model, entries, strands=strands, markov=markov, batch_tokens=batch_tokens
    )
    llr: dict[bool, list[tuple[float, float, int]]] = {True: [], False: []}
    left_out = 0
    for (edit, _, _), score in zip(gene.edits, scores, strict=True):
        if edit is None or score.skipped:
            left_out += 1
            continue
        size = edit.end - edit.start
        llr[edit.codon is not None].append((score.llr, score.markov_llr, size))
    stops, removed = (np.array(llr[own]).reshape(-1, 3) for own in (True, False))
    bases = removed[:, 2].sum()
    bits, markov_bits = _bits(model, markov, strands, window, batch_tokens, gene)
    letters = np.concatenate([gene.bases.fetch(gene.record, *own) for own in gene.pieces])
    known = letters[letters < dna.UNKNOWN]
    return GeneNumbers(
        gc=float(np.mean((known == 1) | (known == 2))) if len(known) else math.nan,
        bits_per_base=bits,
        markov_bits=markov_bits,
        stops=len(stops),
        stop_llr=float(stops[:, 0].mean()) if len(stops) else math.nan,
        stop_llr_min=float(stops[:, 0].min()) if len(stops) else math.nan,
        stop_markov_llr=float(stops[:, 1].mean()) if len(stops) else math.nan,
        deletions=len(removed),
        deletion_llr=float(removed[:, 0].sum() / bases) if bases else math.nan,
        deletion_markov_llr=float(removed[:, 1].sum() / bases) if bases else math.nan,
        left_out=left_out,
    )


def _bits(
    model: HNetForCausalLM,
    markov: MarkovModel | None,
    strands: Strands,
    window: int,
    batch_tokens: int,
    gene: Gene,
) -> tuple[float, float]:
    """Mean bits a coding base, of the model and of the Markov model."""
    length = gene.bases.lengths[gene.record]
    read: list[tuple[Tokens, int]] = []
    counted: list[Tokens] = []
    for start, end in gene.pieces:
        around = max(0, start - window // 2), min(length, end + window // 2)
        spans = [(around[0], end)] + ([(start, around[1])] if strands == "average" else [])
        for turned, (first, last) in enumerate(spans):
            tokens = gene.bases.fetch(gene.record, first, last)
            read.append((dna.reverse_complement(tokens) if turned else tokens, end - start))
            counted.append(_counted(gene.bases, gene.record, first, last))
    with scoring(model, SHORTER):
        names = ["of a gene"] * len(read)
        found = base_log_likelihoods(
            model, [tokens for tokens, _ in read], batch_tokens=batch_tokens, names=names
        )
    bases, nats, of_markov = 0, 0.0, 0.0
    for (tokens, size), values, left_out in zip(read, found, counted, strict=True):
        behind = slice(max(1, len(tokens) - size), None)  # a record's first base has no likelihood
        if markov is None:
            of_markov = math.nan
        else:
            with markov.without(left_out):
                of_markov -= float(markov.log_likelihoods(tokens)[behind].sum())
        bases += int(np.count_nonzero(tokens[behind] < dna.UNKNOWN))
        nats -= float(values[behind].sum(dtype=np.float64))
    if not bases:
        return math.nan, math.nan
    return nats / math.log(2) / bases, of_markov / math.log(2) / bases


def numbers_of(row: NDArray[np.float64]) -> GeneNumbers:
    """What was kept as ``NUMBERS``."""
    return GeneNumbers(*map(float, row))
