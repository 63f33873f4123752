"""Where a model cuts a record, put together from the pieces that a stream gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


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
    """One record that is being put together from its pieces, which come in order.

    Attributes:
        start: the base of the record where the region begins.
        tokens: (n,) the region's bases.
    """

    name: str
    start: int
    tokens: NDArray[np.uint8]
    num_stages: int
    boundary_prob: NDArray[np.float32] = field(init=False)
    _stages: list[list[StageCuts]] = field(init=False)

    def __post_init__(self) -> None:
        self.boundary_prob = np.empty(len(self.tokens), np.float32)
        self._stages = [[] for _ in range(self.num_stages)]

    def add(self, start: int, boundary_prob: NDArray[np.float32], stages: list[StageCuts]) -> int:
        """Take in a piece; what lies before the region is left context and dropped.

        Args:
            start: the piece's first base in the record.
            boundary_prob: (piece bases,) stage 0.
            stages: of the piece, in the record's coordinates.

        Returns:
            the number of bases that were kept.
        """
        end = start + len(boundary_prob)
        kept = max(start, self.start)
        if kept >= end:
            return 0
        self.boundary_prob[kept - self.start : end - self.start] = boundary_prob[kept - start :]
        for parts, cuts in zip(self._stages, stages, strict=True):
            parts.append(cuts.between(kept, end))
        return end - kept

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
