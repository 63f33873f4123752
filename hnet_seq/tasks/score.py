"""Log-likelihood of sequences under a causal model, of any length, beside the trivial baseline.

A line a sequence: its bases, how many were scored (A, C, G and T that have a predecessor), the sum
of their log-probabilities (nats), bits per base, and the bits per base that the sequence's own
letter frequencies need: a model that is no better knows no more than its composition.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TextIO

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import (
    CACHE_LIMIT,
    CacheLimitError,
    Call,
    attention_window,
    stream,
)
from hnet_seq.tasks.arguments import add_batch_arguments, add_streaming_arguments
from hnet_seq.tasks.embed import STRANDS, Strands, check_modality
from hnet_seq.tasks.sequences import Named, in_parts, read_fasta_sequences
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.files import check_file, replaced_file

EXAMPLE = "hnet-seq score run windows.fa.gz --strands average --out scores.tsv"

BATCH_TOKENS = 8192
_PART_TOKENS = 1 << 22  # bases held at a time, but for a longer sequence


@dataclass(frozen=True)
class Score:
    """One sequence's score.

    Attributes:
        bases: its length.
        scored: bases that were predicted: known ones that have a predecessor.
        log_likelihood: the sum of their log-probabilities, nats; of two strands the mean.
        composition_bits: per scored base, of the sequence's own letter frequencies.
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
    sequences: Iterable[Named],
    *,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    cache_limit: int = CACHE_LIMIT,
) -> Iterator[Score]:
    """Score named DNA sequences in their order, on the model's device.

    A score depends on its sequence alone. Sequences longer than a call go through in pieces, with
    the score of the whole. The model's mode is left as it was found.

    Args:
        sequences: names and uint8 tokens (L,); none empty.
        strands: ``none``, as given; or ``average``, with the reverse complement.
        batch_tokens: bases of one forward call.
        cache_limit: bytes that global attention may cache over a long sequence.

    Raises:
        UsageError: unknown ``strands``, or ``batch_tokens`` below 1.
        InputError: a model of something else, or a sequence over ``cache_limit``.
    """
    if strands not in STRANDS:
        raise UsageError("--strands", f"is {strands!r}; expected none or average")
    if batch_tokens < 1:
        raise UsageError("--batch-tokens", f"is {batch_tokens}; expected 1 or more")
    check_modality(model)
    return _score(model, sequences, strands, batch_tokens, cache_limit)


def _score(
    model: HNetForCausalLM,
    sequences: Iterable[Named],
    strands: Strands,
    batch_tokens: int,
    cache_limit: int,
) -> Iterator[Score]:
    was_training = model.training
    model.eval()
    try:
        for part in in_parts(sequences, _PART_TOKENS):
            names, tokens = [name for name, _ in part], [own for _, own in part]
            sums = _log_likelihoods(model, names, tokens, batch_tokens, cache_limit)
            counts = [_scored(own) for own in tokens]
            if strands == "average":
                reverse = [dna.reverse_complement(own) for own in tokens]
                other = _log_likelihoods(model, names, reverse, batch_tokens, cache_limit)
                # The strands leave out different bases, the first of each: means are averaged.
                other_counts = [_scored(own) for own in reverse]
                sums = [
                    (one + two * n / max(m, 1)) / 2
                    for one, two, n, m in zip(sums, other, counts, other_counts, strict=True)
                ]
            for name, own, total, count in zip(names, tokens, sums, counts, strict=True):
                yield Score(name, len(own), count, total, _composition_bits(own))
    except CacheLimitError as error:
        raise InputError(
            None, f"{error} (--attention-window, --cache-limit)", where=f"sequence {error.key}"
        ) from None
    finally:
        model.train(was_training)


def _known(tokens: Tokens) -> Tokens:
    return tokens[np.isin(tokens, dna.DNA.scored_tokens)]


def _scored(tokens: Tokens) -> int:
    return len(_known(tokens[1:]))


def _composition_bits(tokens: Tokens) -> float:
    """Entropy of the letters that are scored, bits."""
    counts = np.bincount(_known(tokens[1:])).astype(float)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) if counts.sum() else math.nan


def _log_likelihoods(
    model: HNetForCausalLM,
    names: list[str],
    sequences: list[Tokens],
    batch_tokens: int,
    cache_limit: int,
) -> list[float]:
    totals = [0.0] * len(sequences)
    # Names may repeat; the places do not. The name is what an error shows.
    keys = [_Place(name, index) for index, name in enumerate(names)]
    pieces = zip(keys, sequences, strict=True)
    with torch.inference_mode():
        for call in stream(model, pieces, batch_tokens, cache_limit=cache_limit):
            _add(totals, call, model, sequences)
    return totals


@dataclass(frozen=True)
class _Place:
    name: str
    index: int

    def __str__(self) -> str:
        return self.name


def _add(
    totals: list[float], call: Call[_Place], model: HNetForCausalLM, sequences: list[Tokens]
) -> None:
    targets = np.full(call.packing.total, -100, np.int64)
    first = 0
    for piece in call.pieces:
        following = sequences[piece.key.index][piece.start + 1 : piece.end + 1].astype(np.int64)
        known = np.isin(following, dna.DNA.scored_tokens)
        targets[first : first + len(following)] = np.where(known, following, -100)
        first += piece.end - piece.start
    logits = model.lm_head(call.output.hidden).float()
    goals = torch.from_numpy(targets).to(logits.device)
    losses = F.cross_entropy(logits, goals, ignore_index=-100, reduction="none").double().cpu()
    lengths = [piece.end - piece.start for piece in call.pieces]
    for piece, own in zip(call.pieces, losses.split(lengths), strict=True):
        totals[piece.key.index] -= float(own.sum())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq score``."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or run folder")
    parser.add_argument("input", metavar="FASTA", help="plain, gzip or bgzip; a score a record")
    parser.add_argument("--out", metavar="FILE", help="a .tsv instead of standard output")
    parser.add_argument("--strands", choices=STRANDS, default="none", help="default none")
    add_streaming_arguments(parser)
    add_batch_arguments(parser, BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    out = check_file(args.out) if args.out else None
    model = HNetForCausalLM.from_pretrained(args.checkpoint, args.device)
    check_modality(model)
    # The first pass finds what is wrong with the input before anything is computed.
    bases = sum(len(tokens) for _, tokens in read_fasta_sequences(args.input))
    bar = tqdm(
        total=bases, unit="base", unit_scale=True, desc="score", disable=None, file=sys.stderr
    )
    with (
        replaced_file(out) if out else nullcontext(sys.stdout) as file,
        bar,
        attention_window(model, args.attention_window),
    ):
        file.write("name\tbases\tscored\tlog_likelihood\tbits_per_base\tcomposition_bits\n")
        for row in score(
            model,
            read_fasta_sequences(args.input),
            strands=args.strands,
            batch_tokens=args.batch_tokens,
            cache_limit=args.cache_limit,
        ):
            _write(file, row)
            bar.update(row.bases)
    return 0


def _write(file: TextIO, row: Score) -> None:
    values = (row.log_likelihood, row.bits_per_base, row.composition_bits)
    numbers = "\t".join("" if math.isnan(value) else f"{value:.6f}" for value in values)
    file.write(f"{row.name}\t{row.bases}\t{row.scored}\t{numbers}\n")
