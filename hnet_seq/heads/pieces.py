"""One vector of one long sequence that comes in pieces: the poolings of ``pooling.py``, summed up.

In fp64, because a chromosome has millions of positions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.heads.pooling import POOLINGS
from hnet_seq.model.hnet import HNetOutput


class PooledPieces:
    """The sum so far.

    Args:
        pooling, stage: as :func:`hnet_seq.heads.pooling.pool` has them.
    """

    def __init__(self, pooling: str, stage: int = -1) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f"unknown pooling {pooling!r}; known: {', '.join(POOLINGS)}")
        self.pooling = pooling
        self.stage = stage
        self._sum: Tensor | float = 0.0
        self._weight = 0
        self._open: Tensor | None = None  # the chunk that the next piece may go on with

    def add(self, output: HNetOutput, tokens: int) -> None:
        """Take in the next piece: what the model returned for its ``tokens`` tokens."""
        if self.pooling == "last":
            self._sum, self._weight = output.hidden[-1].double(), 1
        elif self.pooling == "bases":
            self._add(output.hidden.double().sum(0), tokens)
        elif self.pooling == "chunks":
            chunks = output.chunks[self.stage]
            self._add(chunks.double().sum(0), chunks.shape[0])
        else:
            self._add_weighted(output, tokens)

    def _add(self, total: Tensor, weight: int) -> None:
        self._sum = self._sum + total
        self._weight += weight

    def _add_weighted(self, output: HNetOutput, tokens: int) -> None:
        chunks = output.chunks[self.stage].double()
        starts = torch.arange(tokens, device=chunks.device)
        stages = len(output.chunks)
        for record in output.boundaries[: self.stage % stages + 1]:
            starts = starts[record.boundary_mask]
        bounds = torch.cat([starts, starts.new_tensor([tokens])])
        if self._open is not None:
            self._add(self._open * int(bounds[0]), int(bounds[0]))
        if chunks.shape[0]:
            self._add(bounds.diff().double() @ chunks, tokens - int(bounds[0]))
            self._open = chunks[-1]

    def vector(self) -> Tensor:
        """(D,) fp32 over all pieces so far."""
        assert isinstance(self._sum, Tensor)
        return (self._sum / self._weight).float()
