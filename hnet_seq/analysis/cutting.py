"""Records through a model, and the boundaries that come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.chunking import chunk_depth
from hnet_seq.model.streaming import Call, stream
from modalities.base import Tokens


@dataclass(frozen=True)
class Stretch:
    """Bases of a record that are to be cut, with what lies to their left; read in their turn.

    Attributes:
        name: of the record; another one has another.
        start: base of the record where the region begins.
        origin: base of the record where what is read begins, at or before ``start``.
        length: bases that are read.
        read: tokens (length,).
    """

    name: str
    start: int
    origin: int
    length: int
    read: Callable[[], Tokens]

    def region(self) -> Tokens:
        """Read what is cut."""
        return self.read()[self.start - self.origin :]


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
    records: dict[str, RecordBoundaries] = {}

    def pieces() -> Iterator[tuple[str, Tokens]]:
        for s in stretches:
            tokens = s.read()
            region = tokens[s.start - s.origin :]
            records[s.name] = RecordBoundaries.empty(s.name, s.start, region, model.num_stages)
            origins[s.name] = s.origin
            yield s.name, tokens

    origins: dict[str, int] = {}
    was_training = model.training
    model.eval()
    try:
        for call in stream(
            model, pieces(), batch_tokens, cache_limit=cache_limit, only_boundaries=True
        ):
            depth, probs = _boundaries(call)
            first = 0
            for piece in call.pieces:
                own = slice(first, first + piece.end - piece.start)
                record, begin = records[piece.key], origins[piece.key] + piece.start
                on_bases(record.add(begin, depth[own], probs[:, own]))
                if piece.end == piece.length:
                    yield records.pop(piece.key)
                first = own.stop
    finally:
        model.train(was_training)


def _boundaries(call: Call[str]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Of each packed base: depth (T,), and every stage's probability (stages, T)."""
    boundaries = call.boundaries
    depth = chunk_depth([stage.boundary_mask for stage in boundaries], call.packing.total)
    probs = torch.zeros(len(boundaries), call.packing.total, device=call.ids.device)
    # A stage's positions are the chunks of the one outside it: each mask picks among the picked.
    positions = torch.arange(call.packing.total, device=call.ids.device)
    for row, stage in zip(probs, boundaries, strict=True):
        row[positions] = stage.boundary_prob.float()
        positions = positions[stage.boundary_mask]
    return depth.to(torch.uint8).cpu().numpy(), probs.cpu().numpy()
