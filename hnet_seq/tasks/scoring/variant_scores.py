"""Effects of variants: how much more likely a window is with the variant than without it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.jobs.job import Tell
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.rows import Rows
from hnet_seq.tasks.choices import ON_MISMATCH, Strands
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.scoring.likelihoods import SHORTER, scoring
from hnet_seq.tasks.scoring.sequences import check_scoring
from hnet_seq.tasks.scoring.variant_windows import (
    WINDOW,
    Placed,
    check_window,
    place,
    windows,
)
from hnet_seq.tasks.scoring.window_pairs import Pair, WindowPairs, difference
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import UsageError
from modalities.given_paths import given_path
from pipelines.formats.genome import Genome
from pipelines.formats.variants import Variant, read_variants
from pipelines.progress import progress_bar

PART_TOKENS = 1 << 20  # bases of windows held at a time
_ROW_COST = 64  # bases: bounds a part of many skipped rows


class PlacedVariant(NamedTuple):
    """A variant with its windows, or why it has none, and the bases of both windows or 0."""

    variant: Variant
    placed: Placed | str
    tokens: int


@dataclass(frozen=True)
class VariantScore:
    """One allele's score; numbers are NaN where it has none.

    Attributes:
        kind: SNV, MNV, insertion, deletion or indel, after trimming; empty where it is skipped.
        skipped: why it has no score, one of ``variant_windows.REASONS``; empty where it has one.
        llr: log-likelihood of the window with the variant less that without it, nats; negative
            where the model finds the variant less likely. Of a variant that changes the length each
            base counts against a random letter, log 4 nats. The mean over strands if both were
            asked.
        llr_forward, llr_reverse: of each strand; ``llr_reverse`` is NaN where one was asked.
        unknown: bases of the two windows that are not known, which have no likelihood.
        edits: bases that differ, or of the longer allele where the lengths do.
        length_change: bases gained, negative for lost.
        gc_change: G and C gained by the alleles, negative for lost.
        transition: 1 for A<->G and C<->T, 0 for other SNVs, NaN for other kinds.
        markov_llr: as ``llr``, of the order-k Markov model.
    """

    variant: Variant
    kind: str
    skipped: str
    llr: float = math.nan
    llr_forward: float = math.nan
    llr_reverse: float = math.nan
    unknown: float = math.nan
    edits: float = math.nan
    length_change: float = math.nan
    gc_change: float = math.nan
    transition: float = math.nan
    markov_llr: float = math.nan


def score_variants(
    model: HNetForCausalLM,
    genome: Genome | str | Path,
    variants: Iterable[Variant] | str | Path,
    *,
    window: int = WINDOW,
    strands: Strands = "average",
    on_mismatch: str = "error",
    markov: MarkovModel | None = None,
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> Rows[VariantScore]:
    """Scores of variants in their order, computed as they are asked for and kept.

    A score depends on its edit, the genome around it and ``window`` alone, not on how the row
    spells the edit: up to rounding, and on a CPU to the last bit, but for SNVs. See
    :func:`hnet_seq.tasks.scoring.variant_windows.place` for the windows. Windows that variants of a
    part (a million bases) share are computed once. Bases before the first one that differs have the
    same probability in both and are left out of the difference.

    Args:
        genome: FASTA, GenBank or 2bit, or an open one.
        variants: a VCF, CSV, TSV or Parquet file, or variants.
        window: bases of the longer window.
        strands: ``average``, the mean of both strands; ``none``, the forward strand alone.
        on_mismatch: ``error``, or ``skip`` for rows that are no variant or not of this genome.
        markov: what ``markov_llr`` is of, see :func:`hnet_seq.count_markov`; NaN without one. The
            reference window is left out of its counts.
        batch_tokens: bases of one forward call.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.
        precision: of the forward calls, see :mod:`hnet_seq.train.precision`.
        progress: show a bar.

    Raises:
        UsageError: an option that cannot be meant.
        InputError: a model of something else; a variant that is none, or does not fit the genome.
    """
    check_scoring(model, strands, batch_tokens)
    if on_mismatch not in ON_MISMATCH:
        raise UsageError("on_mismatch", f"is {on_mismatch!r}; expected error or skip")
    check_window(window)
    opened = (
        genome
        if isinstance(genome, Genome)
        else Genome(given_path(genome, "genome"), use_index=True)
    )
    rows = (
        read_variants(variants, keep_faults=True)  # placing refuses them, by the own option
        if isinstance(variants, str | Path)
        else variants
    )
    placed = place_all(opened, rows, window=window, on_mismatch=on_mismatch)

    def scores() -> Iterator[VariantScore]:
        bar = progress_bar("score", None, unit="allele", progress=progress)
        with computing(model, device) as where, bar:
            for part in variant_parts(placed):
                with computing_in(precision, where):
                    rows = list(
                        score_part(
                            model,
                            opened,
                            part,
                            strands=strands,
                            markov=markov,
                            batch_tokens=batch_tokens,
                        )
                    )
                bar.update(len(rows))
                yield from rows

    return Rows(scores(), _COLUMNS, _record, "alleles")


NUMBERS = tuple(field.name for field in fields(VariantScore))[3:]
KINDS = {"score": f"({len(NUMBERS)},)<f8"}  # of the columns that score_rows gives
_OF_VARIANT = ("chrom", "pos", "name", "ref", "alt")
_COLUMNS = (*_OF_VARIANT, *(own.name for own in fields(VariantScore) if own.name != "variant"))


def _record(row: VariantScore) -> dict[str, Any]:
    return {name: getattr(row.variant if name in _OF_VARIANT else row, name) for name in _COLUMNS}


def scores_of(part: Sequence[PlacedVariant], rows: Iterable[Any]) -> list[VariantScore]:
    """Scores that were kept as their ``NUMBERS``."""
    return [
        VariantScore(own.variant, "", own.placed)
        if isinstance(own.placed, str)
        else VariantScore(own.variant, own.placed.kind, "", *map(float, numbers))
        for own, numbers in zip(part, rows, strict=True)
    ]


def place_all(
    genome: Genome, variants: Iterable[Variant], *, window: int, on_mismatch: str
) -> Iterator[PlacedVariant]:
    """Each variant with its windows, or why it has none; errors as :func:`score_variants`."""
    for row in variants:
        placed = place(genome, row, window=window, skip_mismatches=on_mismatch == "skip")
        yield PlacedVariant(row, placed, placed.tokens if isinstance(placed, Placed) else 0)


def variant_parts(rows: Iterable[PlacedVariant]) -> Iterator[list[PlacedVariant]]:
    """Consecutive variants that are scored together, a million bases of windows or more."""
    part: list[PlacedVariant] = []
    held = 0
    for row in rows:
        part.append(row)
        held += row.tokens or _ROW_COST
        if held >= PART_TOKENS:
            yield part
            part, held = [], 0
    if part:
        yield part


def score_part(
    model: HNetForCausalLM,
    genome: Genome,
    part: Sequence[PlacedVariant],
    *,
    strands: Strands,
    markov: MarkovModel | None,
    batch_tokens: int,
    done: int = 0,
) -> Iterator[VariantScore]:
    """Scores of variants, in their order; to the last bit they depend on the part alone.

    Args:
        done: of the first ones, whose scores are there already.
    """
    # A variant that comes twice, and a reference window of several, go through the model once.
    references: dict[Hashable, Tokens] = {}
    of_snvs: dict[Hashable, Pair] = {}
    of_edits: dict[Hashable, Pair] = {}
    for _, placed, _ in part:
        if isinstance(placed, Placed):
            pairs = of_snvs if placed.kind == "SNV" else of_edits
            if placed.key not in pairs:
                references[placed.reference_key], changed = windows(genome, placed)
                pairs[placed.key] = Pair(placed.reference_key, changed)
    # What lies beside a window in its call changes its rounding, and here and there a layer makes a
    # thousand times as much of that: 2e-4 nats, at the end of a repeat. Edits that can be told in
    # several ways go alone, where calls are cheap, and so have one score to the last bit.
    on_cpu = model.embeddings.weight.device.type == "cpu"
    snvs = WindowPairs(model, references, of_snvs, strands, batch_tokens)
    edits = WindowPairs(model, references, of_edits, strands, batch_tokens, alone=on_cpu)
    with scoring(model, SHORTER):
        for variant, placed, _ in part[done:]:
            if isinstance(placed, str):
                yield VariantScore(variant, "", placed)
                continue
            found = snvs if placed.kind == "SNV" else edits
            values, tokens = found.differences(placed.key), found.tokens(placed.key)
            yield VariantScore(
                variant,
                placed.kind,
                "",
                llr=float(np.mean(values)),
                llr_forward=values[0],
                llr_reverse=values[1] if len(values) > 1 else math.nan,
                unknown=max(int(np.count_nonzero(own >= dna.UNKNOWN)) for own in tokens[0]),
                markov_llr=_markov(markov, tokens) if markov is not None else math.nan,
                **_counts(tokens[0][0], placed),
            )


def score_rows(
    model: HNetForCausalLM,
    genome: Genome,
    strands: Strands,
    markov: MarkovModel | None,
    batch_tokens: int,
    part: Sequence[PlacedVariant],
    done: int,
    tell: Tell,
) -> Iterator[tuple[Columns, int]]:
    """The ``NUMBERS`` of a part's scores, as a job wants them."""
    how: dict[str, Any] = {"strands": strands, "markov": markov, "batch_tokens": batch_tokens}
    for row in score_part(model, genome, part, **how, done=done):
        yield {"score": np.array([[getattr(row, name) for name in NUMBERS]])}, 1


def _markov(model: MarkovModel, strands: Sequence[tuple[Tokens, Tokens]]) -> float:
    """The difference under another model, of the windows of each strand, the forward one first."""
    with model.without(strands[0][0]):
        values = [
            difference(one, two, model.log_likelihoods(one), model.log_likelihoods(two))
            for one, two in strands
        ]
    return float(np.mean(values))


def _counts(window: Tokens, placed: Placed) -> dict[str, float]:
    """What can be said of a variant without any model, from its reference window."""
    ref, alt = window[placed.start - placed.first : placed.end - placed.first], placed.alt
    same_length = len(ref) == len(alt)
    edits = int(np.count_nonzero(ref != alt)) if same_length else max(len(ref), len(alt))
    # A and G are the tokens 0 and 2, C and T 1 and 3.
    transition = float(ref[0] % 2 == alt[0] % 2) if placed.kind == "SNV" else math.nan
    return {
        "edits": float(edits),
        "length_change": float(len(alt) - len(ref)),
        "gc_change": float(_gc(alt) - _gc(ref)),
        "transition": transition,
    }


def _gc(tokens: Tokens) -> int:
    return int(np.count_nonzero((tokens == 1) | (tokens == 2)))
