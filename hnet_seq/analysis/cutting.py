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
from hnet_seq.model.streaming import Call, TokenSlices, stream
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
        read_part: tokens ``[first, last)`` of these, without the rest; None: all are read for that.
    """

    name: str
    start: int
    origin: int
    length: int
    read: Callable[[], Tokens]
    behind: int = field(default=0, kw_only=True)
    read_part: Callable[[int, int], Tokens] | None = field(default=None, kw_only=True)

    @property
    def end(self) -> int:
        """One past the last base of the record that is cut."""
        return self.origin + self.length - self.behind

    def region(self) -> Tokens:
        """Read what is cut."""
        return self.bases(self.start, self.end)

    def bases(self, first: int, last: int) -> Tokens:
        """Read bases ``[first, last)`` of the record, within what is read."""
        own = first - self.origin, last - self.origin
        return self.read_part(*own) if self.read_part else self.read()[slice(*own)]

    def tokens(self) -> TokenSlices:
        """All that is read, by parts if that can be done."""
        return _ByParts(self.length, self.read_part) if self.read_part else self.read()


@dataclass(frozen=True)
class _ByParts:
    length: int
    read: Callable[[int, int], Tokens]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice, /) -> Tokens:
        first, last, _ = part.indices(self.length)
        return self.read(first, last)


@dataclass(frozen=True)
class CutPiece:
    """What a model said of some bases of a stretch.

    Attributes:
        start: the first of them in the record.
        depth: (n,) uint8, as of :class:`hnet_seq.analysis.record_boundaries.RecordBoundaries`.
        probs: (stages, n) fp32.
        is_last: of the stretch.
    """

    stretch: Stretch
    start: int
    depth: NDArray[np.uint8]
    probs: NDArray[np.float32]
    is_last: bool


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
    """The boundaries of each stretch, in order, put together from :func:`cut_pieces`."""
    record: RecordBoundaries | None = None
    for piece in cut_pieces(model, stretches, batch_tokens, cache_limit, on_bases):
        if record is None:
            own = piece.stretch
            record = RecordBoundaries.empty(own.name, own.start, own.region(), model.num_stages)
        record.add(piece.start, piece.depth, piece.probs)
        if piece.is_last:
            yield record
            record = None


def cut_pieces(
    model: HNetLanguageModel,
    stretches: Iterable[Stretch],
    batch_tokens: int,
    cache_limit: int,
    on_bases: Callable[[int], object],
) -> Iterator[CutPiece]:
    """The boundaries of stretches as they come; see :func:`hnet_seq.model.streaming.stream`.

    Pieces of a stretch follow each other, tile what is cut of it, and are at most ``batch_tokens``
    long; what lies around it is context and dropped. A causal model reads a stretch in one pass, of
    any length; a bidirectional one, which must see what lies behind, in :func:`windows` of
    ``batch_tokens``, but for those that say nothing of what is to be cut.

    Args:
        on_bases: told the number of bases done after each call.
    """
    reading: dict[str, tuple[Stretch, deque[Window]]] = {}

    def read() -> Iterator[tuple[str, TokenSlices]]:
        for s in stretches:
            tokens = s.tokens()
            if not model.bidirectional:
                reading[s.name] = s, deque([Window(0, len(tokens), 0, len(tokens))])
                yield s.name, tokens
                continue
            first, last = s.start - s.origin, s.end - s.origin
            parts = [
                window
                for window in windows(len(tokens), batch_tokens)
                if window.kept_first < last and window.kept_last > first
            ]
            reading[s.name] = s, deque(parts)
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
                s, left = reading[piece.key]
                window = left[0]
                begin, end = window.first + piece.start, window.first + piece.end
                kept_first = max(begin, window.kept_first, s.start - s.origin)
                kept_last = max(kept_first, min(end, window.kept_last, s.end - s.origin))
                own = slice(first + kept_first - begin, first + kept_last - begin)
                if piece.end == piece.length:
                    left.popleft()
                if not left:
                    del reading[piece.key]
                on_bases(kept_last - kept_first)
                yield CutPiece(s, s.origin + kept_first, depth[own], probs[:, own], not left)
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
