"""Scores of alleles that are placed: of their two windows, and of what can be counted on them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.jobs.job import Tell
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.likelihoods import SHORTER, scoring
from hnet_seq.tasks.scoring.variant_windows import Placed, windows
from hnet_seq.tasks.scoring.window_pairs import Pair, WindowPairs, difference
from modalities import dna
from modalities.base import Bases, Tokens
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome


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


NUMBERS = tuple(field.name for field in fields(VariantScore))[3:]
KINDS = {"score": f"({len(NUMBERS)},)<f8"}  # of the columns that score_rows gives


class PlacedVariant(NamedTuple):
    """A variant with its windows, or why it has none, and the bases of both windows or 0."""

    variant: Variant
    placed: Placed | str
    tokens: int


@dataclass(frozen=True)
class Windows:
    """What of an edit goes through the model.

    Attributes:
        placed: where it lies, in the coordinates of the windows.
        reference, changed: (L,) tokens without and with it.
        reference_key, key: equal for equal reference windows, and for equal pairs.
        counted: (L,) tokens of the genome, which a Markov model leaves out of its counts.
    """

    placed: Placed
    reference: Tokens
    changed: Tokens
    reference_key: Hashable
    key: Hashable
    counted: Tokens


def windows_of(genome: Bases, placed: Placed) -> Windows:
    """Of an edit of the genome itself."""
    reference, changed = windows(genome, placed)
    return Windows(placed, reference, changed, placed.reference_key, placed.key, reference)


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
    entries = [
        (variant, placed if isinstance(placed, str) else windows_of(genome, placed))
        for variant, placed, _ in part
    ]
    return score_windows(
        model, entries, strands=strands, markov=markov, batch_tokens=batch_tokens, done=done
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


def scores_of(part: Sequence[PlacedVariant], rows: Iterable[Any]) -> list[VariantScore]:
    """Scores that were kept as their ``NUMBERS``."""
    return [
        VariantScore(own.variant, "", own.placed)
        if isinstance(own.placed, str)
        else VariantScore(own.variant, own.placed.kind, "", *map(float, numbers))
        for own, numbers in zip(part, rows, strict=True)
    ]


def score_windows(
    model: HNetForCausalLM,
    entries: Sequence[tuple[Variant, Windows | str]],
    *,
    strands: Strands,
    markov: MarkovModel | None,
    batch_tokens: int,
    done: int = 0,
) -> Iterator[VariantScore]:
    """Scores in order; to the last bit they depend on ``entries`` alone.

    Args:
        entries: variants with their windows, or why they have none.
        done: of the first ones, whose scores are there already.
    """
    # A variant that comes twice, and a reference window of several, go through the model once.
    references: dict[Hashable, Tokens] = {}
    of_snvs: dict[Hashable, Pair] = {}
    of_edits: dict[Hashable, Pair] = {}
    for _, own in entries:
        if isinstance(own, Windows):
            pairs = of_snvs if own.placed.kind == "SNV" else of_edits
            if own.key not in pairs:
                references[own.reference_key] = own.reference
                pairs[own.key] = Pair(own.reference_key, own.changed)
    # What lies beside a window in its call changes its rounding, and here and there a layer makes a
    # thousand times as much of that: 2e-4 nats, at the end of a repeat. Edits that can be told in
    # several ways go alone, where calls are cheap, and so have one score to the last bit.
    on_cpu = model.embeddings.weight.device.type == "cpu"
    snvs = WindowPairs(model, references, of_snvs, strands, batch_tokens)
    edits = WindowPairs(model, references, of_edits, strands, batch_tokens, alone=on_cpu)
    with scoring(model, SHORTER):
        for variant, own in entries[done:]:
            if isinstance(own, str):
                yield VariantScore(variant, "", own)
                continue
            found = snvs if own.placed.kind == "SNV" else edits
            values, tokens = found.differences(own.key), found.tokens(own.key)
            yield VariantScore(
                variant,
                own.placed.kind,
                "",
                llr=float(np.mean(values)),
                llr_forward=values[0],
                llr_reverse=values[1] if len(values) > 1 else math.nan,
                unknown=max(int(np.count_nonzero(one >= dna.UNKNOWN)) for one in tokens[0]),
                markov_llr=math.nan if markov is None else _markov(markov, own.counted, tokens),
                **_counts(own.reference, own.placed),
            )


def _markov(model: MarkovModel, counted: Tokens, strands: Sequence[tuple[Tokens, Tokens]]) -> float:
    """The difference under another model, of the windows of each strand, the forward one first."""
    with model.without(counted):
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
