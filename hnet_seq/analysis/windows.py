"""Boundaries of whole records from overlapping windows: the plan, and putting it together again.

A router sees only what lies to the left, so each window begins ``overlap`` bases early and throws
these away. The first base of a window always begins a chunk in every stage; unless the record
begins there too, it lies in the part that is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """Bases ``[start, end)`` of a record are read, ``[kept, end)`` are reported."""

    start: int
    kept: int
    end: int


def plan_windows(start: int, end: int, context: int, overlap: int) -> Iterator[Window]:
    """Windows of at most ``context`` bases whose kept parts tile ``[start, end)`` of a record.

    ``overlap`` bases of left context come before each kept part, or as many as the record has.
    0 < ``overlap`` < ``context``.
    """
    kept = start
    while kept < end:
        left = max(kept - overlap, 0)
        window = Window(left, kept, min(left + context, end))
        yield window
        kept = window.end


@dataclass(frozen=True)
class StageCuts:
    """The boundaries of one stage, as places among bases.

    Attributes:
        positions: (K,) ascending, the base that begins each chunk.
        probs: (K,) fp32, the router's probability there.
    """

    positions: NDArray[np.int64]
    probs: NDArray[np.float32]

    def between(self, start: int, end: int) -> StageCuts:
        """Those at ``start`` or after, before ``end``."""
        left, right = np.searchsorted(self.positions, [start, end])
        return StageCuts(self.positions[left:right], self.probs[left:right])

    def shifted(self, bases: int) -> StageCuts:
        """The same boundaries, ``bases`` further right."""
        return StageCuts(self.positions + bases, self.probs)


@dataclass(frozen=True)
class RecordBoundaries:
    """Where a model cuts one record, or one region ``[start, start + n)`` of it.

    Attributes:
        name: of the record.
        start: where the region begins in the record, 0-based.
        tokens: (n,) its bases.
        boundary_prob: (n,) fp32, stage 0.
        stages: boundaries of every stage, outermost first, in the record's coordinates. Those of
            stage s + 1 are among those of stage s.
    """

    name: str
    start: int
    tokens: NDArray[np.uint8]
    boundary_prob: NDArray[np.float32]
    stages: tuple[StageCuts, ...]

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)

    def mask(self, stage: int) -> NDArray[np.bool_]:
        """(n,): True at the bases that begin a chunk of ``stage``."""
        mask = np.zeros(len(self.tokens), dtype=bool)
        mask[self.stages[stage].positions - self.start] = True
        return mask

    def chunks(
        self, stage: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Starts, ends and probabilities (K,) of the chunks that tile the region.

        A region that begins inside a chunk begins with the rest of that chunk; its probability is
        the one at the region's first base in stage 0, and 0 in deeper stages, which have none.
        """
        cuts = self.stages[stage]
        starts, probs = cuts.positions, cuts.probs
        if len(self.tokens) and (not len(starts) or starts[0] > self.start):
            first = self.boundary_prob[:1] if stage == 0 else np.zeros(1, np.float32)
            starts, probs = np.r_[self.start, starts], np.r_[first, probs]
        return starts, np.r_[starts[1:], self.end] if len(starts) else starts, probs


@dataclass
class Assembly:
    """One record that is being put together from its windows, which come in order."""

    name: str
    start: int
    tokens: NDArray[np.uint8]
    num_stages: int
    boundary_prob: NDArray[np.float32] = field(init=False)
    _done: int = 0
    _stages: list[list[StageCuts]] = field(init=False)

    def __post_init__(self) -> None:
        self.boundary_prob = np.empty(len(self.tokens), np.float32)
        self._stages = [[] for _ in range(self.num_stages)]

    @property
    def complete(self) -> bool:
        return self._done == len(self.tokens)

    def add(
        self, window: Window, boundary_prob: NDArray[np.float32], stages: list[StageCuts]
    ) -> None:
        """Keep what ``[window.kept, window.end)`` holds.

        Args:
            boundary_prob: (window bases,) stage 0.
            stages: of the window, in the record's coordinates.
        """
        kept = slice(window.kept - self.start, window.end - self.start)
        self.boundary_prob[kept] = boundary_prob[window.kept - window.start :]
        for parts, cuts in zip(self._stages, stages, strict=True):
            parts.append(cuts.between(window.kept, window.end))
        self._done += window.end - window.kept

    def finish(self) -> RecordBoundaries:
        """The whole record."""
        stages = tuple(
            StageCuts(
                np.concatenate([np.zeros(0, np.int64), *(part.positions for part in parts)]),
                np.concatenate([np.zeros(0, np.float32), *(part.probs for part in parts)]),
            )
            for parts in self._stages
        )
        return RecordBoundaries(self.name, self.start, self.tokens, self.boundary_prob, stages)
