"""What a model reads at once: packed sequences and their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Self

import numpy as np

from pipelines.batches.token_stream import IGNORED


@dataclass(frozen=True)
class PackedBatch:
    """T tokens in S sequences.

    Attributes:
        input_ids: (T,) uint8.
        targets: (T,) int16, the next token of the same document; -100 where none is scored.
        cu_seqlens: (S + 1,) int32, where the sequences begin and end.
        weights: (T,) float32, factor of each target's loss, or None: all count alike.
        idle: computed by a process that has no sequences where others do, and counted nowhere.
        covers: (T,) tokens of the shards that the next token stands for, or None: one.
        sources: (S,) number of the source that each sequence is from, or None: there is one.
    """

    input_ids: np.ndarray
    targets: np.ndarray
    cu_seqlens: np.ndarray
    weights: np.ndarray | None
    idle: bool = False
    covers: np.ndarray | None = None
    sources: np.ndarray | None = None

    @property
    def letters(self) -> int:
        """Tokens of the shards that were read."""
        return self.input_ids.size if self.covers is None else int(self.covers.sum())

    @property
    def scored(self) -> int:
        """Tokens of the shards that the targets stand for."""
        is_scored = self.targets >= 0
        return int(is_scored.sum() if self.covers is None else self.covers[is_scored].sum())

    def sequences(self, first: int, last: int) -> Self:
        """Sequences ``first`` to ``last`` - 1 as a batch."""
        bounds = self.cu_seqlens[first : last + 1]
        tokens = slice(bounds[0], bounds[-1])
        return replace(
            self,
            input_ids=self.input_ids[tokens],
            targets=self.targets[tokens],
            cu_seqlens=bounds - bounds[0],
            weights=None if self.weights is None else self.weights[tokens],
            covers=None if self.covers is None else self.covers[tokens],
            sources=None if self.sources is None else self.sources[first:last],
        )

    @classmethod
    def nothing(cls) -> PackedBatch:
        """An idle one, of a single token."""
        ids, bounds = np.zeros(1, np.uint8), np.array([0, 1], np.int32)
        return cls(ids, np.full(1, IGNORED, np.int16), bounds, None, idle=True)

    @classmethod
    def joined(cls, parts: Sequence[PackedBatch]) -> PackedBatch:
        """The sequences of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        starts = accumulate((len(part.input_ids) for part in parts), initial=0)
        ends = [part.cu_seqlens[1:] + start for part, start in zip(parts, starts, strict=False)]
        weights = None
        if any(part.weights is not None for part in parts):
            weights = np.concatenate(
                [
                    np.ones(len(part.input_ids), np.float32)
                    if part.weights is None
                    else part.weights
                    for part in parts
                ]
            )
        covers = [part.covers for part in parts if part.covers is not None]
        sources = [part.sources for part in parts if part.sources is not None]
        return cls(
            np.concatenate([part.input_ids for part in parts]),
            np.concatenate([part.targets for part in parts]),
            np.concatenate([[0], *ends]).astype(np.int32),
            weights,
            covers=np.concatenate(covers) if covers else None,
            sources=np.concatenate(sources) if sources else None,
        )
