"""Pooling by learned queries: what to look at is learned with the task."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hnet_seq.heads.pooling import segment_sum

_QUERIES = 4


class AttentionPool(nn.Module):
    """Each query weighs the vectors of a sequence by a softmax, and reads its share of the width.

    Queries are constants, so a query and a projection to keys are one matrix, ``score``. It
    begins at zero: every vector has the same weight, and the pooling is the mean.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.queries = math.gcd(_QUERIES, d_model)
        self.score = nn.Linear(d_model, self.queries, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, vectors: Tensor, cu_seqlens: Tensor) -> Tensor:
        """(T, D) packed vectors and (S + 1,) to one vector per sequence, (S, D) fp32."""
        lengths = cu_seqlens.diff().long()
        vectors = vectors.float()
        scores = self.score(vectors) / math.sqrt(vectors.shape[1])  # (T, Q)
        # Any constant of a sequence cancels; its largest score keeps the exponentials in range.
        largest = _largest(scores.detach(), lengths)
        largest = largest.repeat_interleave(lengths, 0, output_size=len(vectors))
        weights = (scores - largest).exp().unsqueeze(2)  # (T, Q, 1)
        shares = vectors.unflatten(1, (self.queries, -1))
        pooled = segment_sum(shares * weights, lengths) / segment_sum(weights, lengths)
        return pooled.flatten(1).float()


def _largest(values: Tensor, lengths: Tensor) -> Tensor:
    # unsafe spares a check of the lengths on the host.
    return torch.segment_reduce(values, "max", lengths=lengths, axis=0, unsafe=True)
