"""Records through a model, and the boundaries that come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.analysis.record_boundaries import Assembly, RecordBoundaries, StageCuts
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import Call, stream


@dataclass(frozen=True)
class Stretch:
    """Bases of a record that are to be cut, with what lies to their left.

    Attributes:
        start: base of the record where the region begins.
        origin: base of the record where ``tokens`` begin, at or before ``start``.
    """

    name: str
    start: int
    origin: int
    tokens: NDArray[np.uint8]


def cut(
    model: HNetForCausalLM,
    stretches: Iterable[Stretch],
    batch_tokens: int,
    cache_limit: int,
    on_bases: Callable[[int], object],
) -> Iterator[RecordBoundaries]:
    """The boundaries of each stretch, in order; see :func:`hnet_seq.model.streaming.stream`.

    Args:
        on_bases: told the number of bases done after each call.
    """
    records: dict[str, Assembly] = {}

    def pieces() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for s in stretches:
            region = s.tokens[s.start - s.origin :]
            records[s.name] = Assembly(s.name, s.start, region, model.num_stages)
            origins[s.name] = s.origin
            yield s.name, s.tokens

    origins: dict[str, int] = {}
    was_training = model.training
    model.eval()
    try:
        for call in stream(model, pieces(), batch_tokens, cache_limit=cache_limit):
            prob, stages = _boundaries(call)
            first = 0
            for piece in call.pieces:
                last = first + piece.end - piece.start
                begin = origins[piece.key] + piece.start
                cuts = [
                    StageCuts(own.positions + (begin - first), own.probs)
                    for own in (stage.between(first, last) for stage in stages)
                ]
                on_bases(records[piece.key].add(begin, prob[first:last], cuts))
                if piece.end == piece.length:
                    yield records.pop(piece.key).finish()
                first = last
    finally:
        model.train(was_training)


def _boundaries(call: Call[str]) -> tuple[NDArray[np.float32], list[StageCuts]]:
    """Boundary probability of each packed base, and each stage's boundaries among the bases."""
    # A stage's positions are the chunks of the one outside it: each mask picks among the picked.
    positions = torch.arange(call.packing.total, device=call.ids.device)
    stages = []
    for stage in call.output.boundaries:
        positions = positions[stage.boundary_mask]
        probs = stage.boundary_prob[stage.boundary_mask]
        stages.append(StageCuts(positions.cpu().numpy(), probs.float().cpu().numpy()))
    return call.output.boundaries[0].boundary_prob.float().cpu().numpy(), stages
