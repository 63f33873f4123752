"""What the chunks of a stretch do for the bases behind them: taken out, and shuffled within."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.shuffle import shuffle_dinucleotides
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.limits import CACHE_LIMIT
from hnet_seq.tasks.explaining.continued import Beginning, likelihood
from hnet_seq.tasks.explaining.substituted import BLOCK, Window
from modalities import dna
from modalities.base import Tokens

_TRIES = 8  # draws of an order, for one that is another


@dataclass(frozen=True)
class Effect:
    """A chunk, and how many nats less likely what lies behind it is without it.

    Attributes:
        start, end: places of the stretch, 0-based, on the strand that is read.
        deleted: with the chunk taken out; NaN where nothing lies behind it.
        shuffled: with its letters in another order, the mean of the draws; NaN where there is no
            other order.
        kept: what the other order keeps: ``dinucleotides``, or ``letters`` where no other has the
            same dinucleotides, or nothing.
    """

    stage: int
    start: int
    end: int
    deleted: float
    shuffled: float
    kept: str


def chunk_effects(
    model: HNetForCausalLM,
    window: Window,
    *,
    draws: int,
    generator: np.random.Generator,
    batch_tokens: int,
) -> Iterator[Effect]:
    """Of each stage the chunks that begin and end in the stretch, on this strand.

    Effects are of the bases behind a chunk to the end of the stretch alone, so that neither the
    chunk's own probability nor its length is in them. A model without stages has no chunks.
    """
    if not model.num_stages:
        return
    uncut = Stretch("", 0, 0, len(window.tokens), lambda: window.tokens)
    (record,) = cut(model, [uncut], batch_tokens, CACHE_LIMIT, lambda _: None)
    for stage in range(record.num_stages):
        bounds = [
            (row["start"] - window.start, row["end"] - window.start)
            for row in record.chunk_rows(stage)
            if window.start <= row["start"] and row["end"] <= window.end
        ]
        for first in range(0, window.length, BLOCK):
            here = [own for own in bounds if first <= own[0] < first + BLOCK]
            if here:
                yield from _block(model, window, stage, first, here, draws, generator, batch_tokens)


def _block(
    model: HNetForCausalLM,
    window: Window,
    stage: int,
    first: int,
    bounds: Sequence[tuple[int, int]],
    draws: int,
    generator: np.random.Generator,
    batch_tokens: int,
) -> Iterator[Effect]:
    begin = window.start + first
    own = window.tokens[begin : window.end]
    sequences, orders = [own], []
    for start, end in bounds:
        left, chunk, right = np.split(own, [start - first, end - first])
        others, kept = _other_orders(chunk, draws, generator)
        orders.append((len(others), kept))
        sequences.append(np.concatenate([left, right]))
        sequences += [np.concatenate([left, other, right]) for other in others]
    after = window.tokens[window.end :]
    expected = Beginning(model, window.tokens[:begin], batch_tokens, after).expected(sequences)
    found = iter([likelihood(*pair) for pair in zip(expected, sequences, strict=True)])
    reference = next(found)
    for (start, end), (count, kept) in zip(bounds, orders, strict=True):
        behind = reference[end - first :].sum()
        deleted = behind - next(found)[start - first :].sum()
        shuffled = [behind - next(found)[end - first :].sum() for _ in range(count)]
        if end == window.length:
            deleted, shuffled = math.nan, []
        mean = float(np.mean(shuffled)) if shuffled else math.nan
        yield Effect(stage, start, end, float(deleted), mean, kept if shuffled else "")


def _other_orders(
    chunk: Tokens, draws: int, generator: np.random.Generator
) -> tuple[list[Tokens], str]:
    """Other orders of a chunk's letters, and what they keep of it."""
    if (chunk > max(dna.BASES)).any():
        return [], ""
    tries = np.repeat(chunk[None], _TRIES * max(draws, 1), 0)
    for shuffled, kept in (
        (shuffle_dinucleotides(tries, generator), "dinucleotides"),
        (generator.permuted(tries, axis=1), "letters"),
    ):
        others = [order for order in shuffled if (order != chunk).any()]
        if others:
            return others[:draws], kept
    return [], ""
