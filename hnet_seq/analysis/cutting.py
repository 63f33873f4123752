"""Records through a model, and the boundaries that come out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.model.chunking import chunk_depth
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import Call, stream
from modalities.base import Tokens


@dataclass(frozen=True)
class Stretch:
    """Bases of a record that are to be cut, with what lies around them; read in their turn.

    Attributes:
        name: of the record; another one has another.
        start: base of the record where the region begins.
        origin: base of the record where what is read begins, at or before ``start``.
        length: bases that are read.
        read: tokens (length,).
        behind: how many of them lie behind the region.
    """

    name: str
    start: int
    origin: int
    length: int
    read: Callable[[], Tokens]
    behind: int = field(default=0, kw_only=True)

    @property
    def end(self) -> int:
        """One past the last base of the record that is cut."""
        return self.origin + self.length - self.behind

    def region(self) -> Tokens:
        """Read what is cut."""
        return self._within(self.read())

    def _within(self, tokens: Tokens) -> Tokens:
        return tokens[self.start - self.origin : self.end - self.origin]

    def empty(self, tokens: Tokens, num_stages: int) -> RecordBoundaries:
        """Its boundaries before there are any; ``tokens`` (length,) are what was read."""
        return RecordBoundaries.empty(self.name, self.start, self._within(tokens), num_stages)


@dataclass(frozen=True)
class Window:
    """What a model reads at once, ``[first, last)``, and of what it keeps the boundaries."""

    first: int
    last: int
    kept_first: int
    kept_last: int


_FLANK = 8  # of a window, this part of it on either side is context


def windows(length: int, size: int) -> list[Window]:
    """A sequence for a model without a running state: whole, or in windows of about ``size``.

    They are of one length and an odd number, so that those of the reverse complement lie in the
    same places, and each reads on over its ends where there is more. Whether two bases are parted
    that lie on either side of an end is said by the window nearer the middle.
    """
    if length <= size:
        return [Window(0, length, 0, length)]
    flank = max(1, size // _FLANK)
    count = -(-length // max(1, size - 2 * flank - 2))
    count = min(count + 1 - count % 2, length - 1 + length % 2)
    lower = [place * length // count for place in range((count + 1) // 2)]
    upper = [length - bound for bound in reversed(lower)]
    kept = [*lower, *(bound + 1 for bound in upper[:-1]), length]
    return [
        Window(max(0, first - flank), min(length, last + flank), *own)
        for (first, last), own in zip(pairwise([*lower, *upper]), pairwise(kept), strict=True)
    ]


def cut(
    model: HNetLanguageModel,
    stretches: Iterable[Stretch],
    batch_tokens: int,
    cache_limit: int,
    on_bases: Callable[[int], object],
) -> Iterator[RecordBoundaries]:
    """The boundaries of each stretch, in order; see :func:`hnet_seq.model.streaming.stream`.

    A causal model reads a stretch in one pass, of any length; a bidirectional one, which must see
    what lies behind, in :func:`windows` of ``batch_tokens``, but for those that say nothing of what
    is to be cut.

    Args:
        on_bases: told the number of bases done after each call.
    """
    reading: dict[str, tuple[Stretch, RecordBoundaries, deque[Window]]] = {}

    def read() -> Iterator[tuple[str, Tokens]]:
        for s in stretches:
            tokens = s.read()
            parts = [Window(0, len(tokens), 0, len(tokens))]
            if model.bidirectional:
                first, last = s.start - s.origin, s.end - s.origin
                parts = [
                    window
                    for window in windows(len(tokens), batch_tokens)
                    if window.kept_first < last and window.kept_last > first
                ]
            reading[s.name] = s, s.empty(tokens, model.num_stages), deque(parts)
            for window in parts:
                yield s.name, tokens[window.first : window.last]

    was_training = model.training
    model.eval()
    try:
        for call in stream(
            model, read(), batch_tokens, cache_limit=cache_limit, only_boundaries=True
        ):
            depth, probs = _boundaries(call)
            first = 0
            for piece in call.pieces:
                s, record, left = reading[piece.key]
                window = left[0]
                begin, end = window.first + piece.start, window.first + piece.end
                kept_first, kept_last = max(begin, window.kept_first), min(end, window.kept_last)
                own = slice(first + kept_first - begin, first + kept_last - begin)
                on_bases(record.add(s.origin + kept_first, depth[own], probs[:, own]))
                if piece.end == piece.length:
                    left.popleft()
                if not left:
                    yield reading.pop(piece.key)[1]
                first += end - begin
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
