"""Effects of variants on the haplotypes of people, for Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.rows import Rows
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.on_haplotypes import (
    HaplotypeScore,
    OnHaplotypes,
    haplotype_rows,
    scores_on,
)
from hnet_seq.tasks.scoring.sequences import check_scoring
from hnet_seq.tasks.scoring.variant_scores import given_variants, variant_parts, variant_table
from hnet_seq.tasks.scoring.variant_windows import WINDOW
from hnet_seq.tasks.sequences.reading import given_samples
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing
from modalities.given_paths import given_path
from pipelines.formats.genome import Genome
from pipelines.formats.variants import Variant
from pipelines.progress import progress_bar


def score_haplotypes(
    model: HNetForCausalLM,
    genome: Genome | str | Path,
    variants: Iterable[Variant] | str | Path,
    haplotypes: str | Path,
    *,
    samples: str | Sequence[str] = (),
    window: int = WINDOW,
    strands: Strands = "average",
    on_mismatch: str = "error",
    markov: MarkovModel | None = None,
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> Rows[HaplotypeScore]:
    """Scores of variants on haplotypes: of each variant one for each haplotype of each sample.

    Both windows have the haplotype's other alleles; where it has none there the score is that of
    :func:`hnet_seq.score_variants`, which stands beside each as ``genome_llr``. Variants and calls
    are read at once, scores are computed as they are asked for, and kept.

    Args:
        genome, variants, window, strands, on_mismatch, markov: as in
            :func:`hnet_seq.score_variants`.
        batch_tokens, device, precision, progress: as there too.
        haplotypes: phased VCF, plain or bgzip, or BCF; needs pysam.
        samples: whose; all of the file if empty.

    Raises:
        UsageError: an option that cannot be meant; there is no pysam; ``samples`` names one that is
            not there, or one twice.
        InputError: a model of something else; a variant or a genotype that is none, or does not fit
            the genome; calls without samples or out of order.
    """
    check_scoring(model, strands, batch_tokens)
    calls = given_path(haplotypes, "haplotypes")
    opened, each = given_variants(genome, variants, window, on_mismatch)
    placed = list(each)
    on = OnHaplotypes(calls, opened, given_samples(samples), placed, window)
    how = (strands, markov, batch_tokens)

    def scores() -> Iterator[HaplotypeScore]:
        bar = progress_bar("score", len(placed), unit="allele", progress=progress)
        with computing(model, device) as where, bar:
            for part in variant_parts(placed):
                with computing_in(precision, where):
                    found = haplotype_rows(model, opened, on, *how, part, 0, lambda _: None)
                    numbers = np.concatenate([columns["score"] for columns, _ in found])
                bar.update(len(part))
                yield from chain.from_iterable(scores_on(on, part, numbers)[1])

    return variant_table(scores(), HaplotypeScore, "alleles on haplotypes")
