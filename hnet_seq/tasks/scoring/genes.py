"""Scores of the genes of an annotation: a row a gene, for Python and for the verb."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from numbers import Integral
from pathlib import Path

import torch

from hnet_seq.analysis.gene_edits import why_not
from hnet_seq.analysis.genes.isoforms import of_each_gene
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.zero_shot.codons import amino_acids, spelled_codon
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.rows import Rows
from hnet_seq.tasks.annotations import Annotation, read_annotation
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.choices import STOPS, Strands
from hnet_seq.tasks.scoring.gene_scores import (
    NUMBERS,
    Gene,
    GeneNumbers,
    GeneOptions,
    gene_numbers,
    gene_with_edits,
)
from hnet_seq.tasks.scoring.sequences import check_scoring
from hnet_seq.tasks.scoring.variant_scores import given_genome
from hnet_seq.tasks.scoring.variant_windows import WINDOW, check_window
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing
from modalities.errors import UsageError
from modalities.given_paths import given_path
from pipelines.formats.genome import Genome
from pipelines.progress import progress_bar

_SIGNS = {1: "+", -1: "-"}
COLUMNS = (
    *("gene", "record", "start", "end", "strand", "exons", "bases", "genetic_code"),
    *NUMBERS,
    "skipped",
)


@dataclass(frozen=True)
class GeneScore(GeneNumbers):
    """What is computed of a gene, and which it is.

    Attributes:
        gene, record: its name, and where it lies.
        start, end: 1-based bounds; ``end`` is past the record's length where it goes over the
            origin.
        strand: ``+``, ``-``, or ``.`` for exons on both.
        exons, bases: how many, and of coding ones.
        genetic_code: of NCBI's, the one of the stops.
        skipped: why there are no numbers, one of ``gene_edits.REASONS``; else empty.
    """

    gene: str = ""
    record: str = ""
    start: int = 0
    end: int = 0
    strand: str = "."
    exons: int = 0
    bases: int = 0
    genetic_code: int = 1
    skipped: str = ""


def score_genes(
    model: HNetForCausalLM,
    genome: Genome | str | Path,
    genes: str | Path,
    *,
    stops: int = STOPS,
    stop_codon: str | None = None,
    genetic_code: int | None = None,
    window: int = WINDOW,
    strands: Strands = "average",
    markov: MarkovModel | None = None,
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> Rows[GeneScore]:
    """How much less likely genes are with premature stop codons, and without their bases.

    Of each gene of the annotation a row, in the order of the genome's records; computed as they
    are asked for, and kept.

    Args:
        genome: FASTA, GenBank or 2bit, or an open one.
        genes: GFF3, GTF or GenBank.
        stops: places along each gene where a codon becomes a stop.
        stop_codon: which; all of the genetic code when None.
        genetic_code: of NCBI's, in place of the annotation's ``transl_table``.
        window, strands, markov, batch_tokens, device, precision, progress: as in
            :func:`hnet_seq.score_variants`.

    Raises:
        UsageError: an option that cannot be meant.
        InputError: a model of something else; an annotation that is malformed, of another genome,
            or without the phases that codons need.
    """
    check_scoring(model, strands, batch_tokens)
    check_window(window)
    if not isinstance(stops, Integral) or stops < 1:
        raise UsageError("stops", f"is {stops!r}; expected 1 or more, a whole number")
    if stop_codon is not None:
        stop_codon = spelled_codon(stop_codon, "stop_codon")
    if genetic_code is not None:
        amino_acids(genetic_code)
    opened = given_genome(genome)
    annotation = read_annotation(given_path(genes, "genes"), opened)
    annotation.check_phases()
    options = GeneOptions(window, stops, stop_codon, genetic_code)

    def scores() -> Iterator[GeneScore]:
        bar = progress_bar("score", None, unit="gene", progress=progress)
        with computing(model, device) as where, bar:
            for gene in genes_of(annotation, opened, options):
                with computing_in(precision, where):
                    found = gene_numbers(model, markov, strands, window, batch_tokens, gene)
                bar.update(1)
                yield score_of(gene, found)

    return Rows(scores(), COLUMNS, asdict, "genes")


def genes_of(annotation: Annotation, genome: Genome, options: GeneOptions) -> Iterator[Gene]:
    """One coding sequence of each gene, in the order of the genome's records."""
    for record in genome.lengths:
        if record in annotation.genes.records:
            found = annotation.genes.records[record].coding
            for coding in of_each_gene(found, lambda own: why_not(own) is None):
                yield gene_with_edits(genome, record, coding, options)


def score_of(gene: Gene, numbers: GeneNumbers) -> GeneScore:
    """What was computed of a gene, and which it is."""
    chain = gene.coding.chain
    signs = {part.sign for part in chain.parts}
    return GeneScore(
        **asdict(numbers),
        gene=gene.coding.name,
        record=gene.record,
        start=min(part.start for part in chain.parts) + 1,
        end=max(part.end for part in chain.parts),
        strand=_SIGNS[signs.pop()] if len(signs) == 1 else ".",
        exons=len(chain.parts),
        bases=chain.bases(),
        genetic_code=gene.table,
        skipped=gene.skipped,
    )
