"""Log-likelihood of sequences of any length under a causal model, in calls of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hnet_seq.jobs.job import Tell, in_parts
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, in_calls
from hnet_seq.results.rows import Rows
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.embedding.vectors import STRANDS, Strands, check_modality
from hnet_seq.tasks.scoring.likelihoods import likelihood_pieces, scoring
from hnet_seq.tasks.sequences.inputs import Named, named_length
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences
from pipelines.progress import progress_bar

KINDS = {"score": "(3,)<f8"}  # of the columns that score_rows gives
PART_TOKENS = 1 << 18  # bases held at a time, but for a longer sequence


@dataclass(frozen=True)
class Score:
    """One sequence's score.

    Attributes:
        bases: its length.
        scored: bases that were predicted: known ones that have a predecessor. Two strands leave
            out different bases, the first of each; then of the strand that has more.
        log_likelihood: the sum of their log-probabilities, nats; of two strands the mean over
            those that have any, each for as many bases.
        composition_bits: per scored base, of the sequence's own letter frequencies; of two strands
            the mean.
    """

    name: str
    bases: int
    scored: int
    log_likelihood: float
    composition_bits: float

    @property
    def bits_per_base(self) -> float:
        """NaN where nothing was scored."""
        return -self.log_likelihood / math.log(2) / self.scored if self.scored else math.nan


def score(
    model: HNetForCausalLM,
    sequences: Given,
    *,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    cache_limit: int = CACHE_LIMIT,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> Rows[Score]:
    """Scores of DNA sequences in their order, computed as they are asked for and kept.

    A score depends on its sequence alone. Sequences longer than a call go through in pieces, with
    the score of the whole. The model's mode and device are left as they were found.

    Args:
        sequences: one or many, see :func:`modalities.given.named_sequences`.
        strands: ``none``, as given; or ``average``, with the reverse complement.
        batch_tokens: bases of one forward call.
        cache_limit: bytes that global attention may cache over a long sequence.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.
        precision: of the forward calls, see :mod:`hnet_seq.train.precision`.
        progress: show a bar.

    Raises:
        UsageError: unknown ``strands`` or ``precision``, or ``batch_tokens`` below 1.
        InputError: a model of something else, no sequences, one that is empty or no DNA, or one
            over ``cache_limit``.
    """
    check_scoring(model, strands, batch_tokens)
    named = named_sequences(sequences, dna.DNA, model.config.vocab_size)

    def rows() -> Iterator[Score]:
        with (
            computing(model, device) as where,
            progress_bar("score", None, unit="base", progress=progress) as bar,
        ):
            for call in sequence_calls(named, batch_tokens):
                with computing_in(precision, where):
                    found = score_call(model, call, strands, batch_tokens, cache_limit)
                bar.update(sum(row.bases for row in found))
                yield from found

    return Rows(
        rows(), _COLUMNS, lambda row: {name: getattr(row, name) for name in _COLUMNS}, "sequences"
    )


_COLUMNS = ("name", "bases", "scored", "log_likelihood", "bits_per_base", "composition_bits")


def check_scoring(model: nn.Module, strands: str, batch_tokens: int) -> None:
    """Raise UsageError or InputError where nothing could be scored like that."""
    if not isinstance(model, HNetForCausalLM):
        raise InputError(
            None,
            f"{type(model).__name__} gives no likelihood, which is that of each base given those "
            "before it; give an HNetForCausalLM",
            where="model",
        )
    if strands not in STRANDS:
        raise UsageError("strands", f"is {strands!r}; expected none or average")
    if batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")
    check_modality(model)


def sequence_calls(sequences: Iterable[Named], batch_tokens: int) -> Iterator[list[Named]]:
    """Consecutive sequences that share a call of the model, or one that takes several."""
    for part in in_parts(sequences, PART_TOKENS, named_length):
        yield from in_calls(part, batch_tokens, named_length)


def score_rows(
    model: HNetForCausalLM,
    strands: Strands,
    batch_tokens: int,
    cache_limit: int,
    call: Sequence[Named],
    done: int,
    tell: Tell,
) -> Iterator[tuple[Columns, int]]:
    """The numbers of a call's scores, as a job wants them."""
    rows = score_call(model, call, strands, batch_tokens, cache_limit)
    numbers = [(row.scored, row.log_likelihood, row.composition_bits) for row in rows]
    yield {"score": np.array(numbers)}, len(call)


def score_call(
    model: HNetForCausalLM,
    call: Sequence[Named],
    strands: Strands,
    batch_tokens: int,
    cache_limit: int,
    by_base: list[NDArray[np.float32]] | None = None,
) -> list[Score]:
    """Scores of sequences, in their order; to the last bit they depend on the call alone.

    Args:
        by_base: takes the bits of each base, (L,) a sequence: the mean of the strands that have
            any, NaN where none has.
    """
    names, tokens = [name for name, _ in call], [own for _, own in call]
    by_strand = [tokens]
    if strands == "average":
        by_strand.append([dna.reverse_complement(own) for own in tokens])
    bits: list[list[NDArray[np.float32]] | None] = [None] * len(by_strand)
    if by_base is not None:
        bits = [[np.full(len(own), np.nan, np.float32) for own in strand] for strand in by_strand]
    with scoring(model):
        sums = [
            _sums(model, names, own, batch_tokens, cache_limit, into)
            for own, into in zip(by_strand, bits, strict=True)
        ]
    if by_base is not None:
        by_base += map(_mean_of_strands, *(own for own in bits if own is not None))
    return [
        _of_strands(name, own, found)
        for name, own, found in zip(
            names, zip(*by_strand, strict=True), zip(*sums, strict=True), strict=True
        )
    ]


def _of_strands(name: str, strands: Sequence[Tokens], sums: Sequence[float]) -> Score:
    known = [_known(tokens[1:]) for tokens in strands]
    scored = max(map(len, known))
    if not scored:
        return Score(name, len(strands[0]), 0, sums[0], math.nan)
    totals = [
        total if len(own) == scored else total * scored / len(own)
        for total, own in zip(sums, known, strict=True)
        if len(own)
    ]
    bits = [_entropy(own) for own in known if len(own)]
    return Score(name, len(strands[0]), scored, sum(totals) / len(totals), sum(bits) / len(bits))


def _known(tokens: Tokens) -> Tokens:
    return tokens[np.isin(tokens, dna.DNA.scored_tokens)]


def _entropy(tokens: Tokens) -> float:
    """Of the letters of known bases, one or more, bits."""
    counts = np.bincount(tokens).astype(float)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _sums(
    model: HNetForCausalLM,
    names: Sequence[str],
    sequences: Sequence[Tokens],
    batch_tokens: int,
    cache_limit: int,
    bits: list[NDArray[np.float32]] | None,
) -> list[float]:
    """Nats of each sequence; and into ``bits`` those of each base that has a predecessor."""
    totals = [0.0] * len(sequences)
    pieces = likelihood_pieces(model, names, sequences, batch_tokens, cache_limit)
    for index, start, values in pieces:
        totals[index] += float(values.sum(dtype=np.float64))
        if bits is not None:
            after = slice(start + 1, start + 1 + len(values))
            known = np.isin(sequences[index][after], dna.DNA.scored_tokens)
            # The last value of a sequence would be of the base after its end.
            own = values[: len(known)] / np.float32(-math.log(2))
            bits[index][after] = np.where(known, own, np.nan)
    return totals


def _mean_of_strands(
    forward: NDArray[np.float32], *other: NDArray[np.float32]
) -> NDArray[np.float32]:
    if not other:
        return forward
    (reverse,) = (own[::-1] for own in other)
    # In place, as a chromosome has gigabytes; the mean of a number and itself is that number.
    np.copyto(forward, reverse, where=np.isnan(forward))
    both = ~np.isnan(reverse)
    np.add(forward, reverse, out=forward, where=both)
    np.divide(forward, 2, out=forward, where=both)
    return forward
