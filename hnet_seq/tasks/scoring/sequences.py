"""Log-likelihood of sequences of any length under a causal model, in calls of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, Call, stream
from hnet_seq.results.rows import Rows
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.embedding.vectors import STRANDS, Strands, check_modality
from hnet_seq.tasks.ranked.units import call_groups
from hnet_seq.tasks.sequences.parts import Named, in_parts, named_length
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences
from pipelines.progress import progress_bar

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
    rows = stream_scores(
        model,
        named,
        strands=strands,
        batch_tokens=batch_tokens,
        cache_limit=cache_limit,
        device=device,
        precision=precision,
        progress=progress,
    )
    return Rows(rows, _COLUMNS, _record, "sequences")


SHORTER = "shorten the windows (`window`) or the stretch"
"""The remedy where windows of a genome are too long for attention's cache."""

_COLUMNS = ("name", "bases", "scored", "log_likelihood", "bits_per_base", "composition_bits")


def _record(row: Score) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS}


def check_scoring(model: HNetForCausalLM, strands: str, batch_tokens: int) -> None:
    """Raise UsageError or InputError where nothing could be scored like that."""
    if strands not in STRANDS:
        raise UsageError("strands", f"is {strands!r}; expected none or average")
    if batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")
    check_modality(model)


@contextmanager
def scoring(model: HNetForCausalLM, remedy: str | None = None) -> Iterator[None]:
    """Evaluation mode inside the block; a sequence that is too long becomes an InputError.

    Args:
        remedy: what to do then; None where attention's window and cache can be chosen.
    """
    was_training = model.training
    model.eval()
    try:
        yield
    except CacheLimitError as error:
        said = f"{error} (--attention-window, --cache-limit)"
        if remedy is not None:
            said = f"{error.too_long}; {remedy}"
        raise InputError(None, said, where=f"sequence {error.key}") from None
    finally:
        model.train(was_training)


def stream_scores(
    model: HNetForCausalLM,
    sequences: Iterable[Named],
    *,
    strands: Strands,
    batch_tokens: int,
    cache_limit: int,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> Iterator[Score]:
    """As :func:`score`, of names and tokens, and nothing is kept."""
    with (
        computing(model, device) as where,
        progress_bar("score", None, unit="base", progress=progress) as bar,
    ):
        for part in sequence_parts(sequences):
            with computing_in(precision, where):
                rows = list(
                    score_part(
                        model,
                        part,
                        strands=strands,
                        batch_tokens=batch_tokens,
                        cache_limit=cache_limit,
                    )
                )
            bar.update(sum(row.bases for row in rows))
            yield from rows


def sequence_parts(sequences: Iterable[Named]) -> Iterator[list[Named]]:
    """Consecutive sequences that are scored together."""
    return in_parts(sequences, PART_TOKENS, named_length)


def score_part(
    model: HNetForCausalLM,
    part: Sequence[Named],
    *,
    strands: Strands,
    batch_tokens: int,
    cache_limit: int,
    done: int = 0,
) -> Iterator[Score]:
    """Scores of sequences, in their order; to the last bit they depend on the part alone.

    Args:
        done: of the first ones, whose scores are there already.
    """
    first = 0
    for count in call_groups((named_length(own) for own in part), batch_tokens):
        end = first + count
        if end > done:
            scores = _score_call(model, part[first:end], strands, batch_tokens, cache_limit)
            yield from scores[max(0, done - first) :]
        first = end


def _score_call(
    model: HNetForCausalLM,
    call: Sequence[Named],
    strands: Strands,
    batch_tokens: int,
    cache_limit: int,
) -> list[Score]:
    names, tokens = [name for name, _ in call], [own for _, own in call]
    by_strand = [tokens]
    if strands == "average":
        by_strand.append([dna.reverse_complement(own) for own in tokens])
    with scoring(model):
        sums = [_sums(model, names, own, batch_tokens, cache_limit) for own in by_strand]
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


def base_log_likelihoods(
    model: HNetForCausalLM,
    sequences: Sequence[Tokens],
    *,
    batch_tokens: int = BATCH_TOKENS,
    names: Sequence[str] | None = None,
) -> list[NDArray[np.float32]]:
    """The log-probability of each base given those before it, nats: (L,) for each sequence.

    Zero where there is none: at the first base, and at unknown ones. The caller sees to the
    model's mode (:func:`scoring`).
    """
    found = [np.zeros(len(tokens), np.float32) for tokens in sequences]
    named = list(names) if names is not None else [f"{index}" for index in range(len(sequences))]
    for index, start, values in _pieces(model, named, sequences, batch_tokens, CACHE_LIMIT):
        # The last value of a sequence would be of the base after its end.
        place = found[index][start + 1 : start + 1 + len(values)]
        place[:] = values[: len(place)]
    return found


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
) -> list[float]:
    totals = [0.0] * len(sequences)
    for index, _, values in _pieces(model, names, sequences, batch_tokens, cache_limit):
        totals[index] += float(values.sum(dtype=np.float64))
    return totals


@dataclass(frozen=True)
class _Place:
    name: str
    index: int

    def __str__(self) -> str:
        return self.name


def _pieces(
    model: HNetForCausalLM,
    names: Sequence[str],
    sequences: Sequence[Tokens],
    batch_tokens: int,
    cache_limit: int,
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Index of a sequence, a place in it, and the log-probabilities of the bases after these."""
    # Names may repeat; the places do not. The name is what an error shows.
    keys = [_Place(name, index) for index, name in enumerate(names)]
    with torch.inference_mode():
        for call in stream(
            model, zip(keys, sequences, strict=True), batch_tokens, cache_limit=cache_limit
        ):
            values = _log_probabilities(call, model, sequences)
            first = 0
            for piece in call.pieces:
                after = first + piece.end - piece.start
                yield piece.key.index, piece.start, values[first:after]
                first = after


def _log_probabilities(
    call: Call[_Place], model: HNetForCausalLM, sequences: Sequence[Tokens]
) -> NDArray[np.float32]:
    targets = np.full(call.packing.total, -100, np.int64)
    first = 0
    for piece in call.pieces:
        following = sequences[piece.key.index][piece.start + 1 : piece.end + 1].astype(np.int64)
        known = np.isin(following, dna.DNA.scored_tokens)
        targets[first : first + len(following)] = np.where(known, following, -100)
        first += piece.end - piece.start
    logits = model.logits(call.output).float()
    goals = torch.from_numpy(targets).to(logits.device)
    losses = F.cross_entropy(logits, goals, ignore_index=-100, reduction="none")
    found: NDArray[np.float32] = -losses.cpu().numpy()
    return found
