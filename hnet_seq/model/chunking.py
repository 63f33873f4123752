"""Between two resolutions: keep the boundary vectors, and spread their successors back.

Hwang, Wang, Gu 2025, sections 2.1 and 2.2.2. The smoothing itself is ``hnet_seq.ops.smoothing``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops import smooth
from hnet_seq.ops.packing import Packing

_MIN_PROBABILITY = 1e-4


class Chunks:
    """The chunks that one boundary mask makes.

    Attributes:
        starts: (K,) packed index of each chunk's first token.
        index: (T,) the chunk that each token lies in.
        packing: where the sequences begin among the chunks.
    """

    def __init__(self, boundary_mask: Tensor, packing: Packing) -> None:
        self.starts = boundary_mask.nonzero().squeeze(1)  # the stage's one host synchronisation
        count = boundary_mask.cumsum(0)
        self.index = count - 1
        cu_seqlens = F.pad(count[packing.cu_seqlens[1:].long() - 1], (1, 0))
        self.packing = Packing(cu_seqlens.to(torch.int32), self.starts.numel())

    def downsample(self, h: Tensor) -> Tensor:
        """(T, D) to (K, D): the vectors at the boundaries."""
        return h.index_select(0, self.starts)

    def smooth(self, z: Tensor, boundary_prob: Tensor) -> Tensor:
        """(K, D) to (K, D) fp32: each chunk mixed with those before it by its probability."""
        p = boundary_prob.index_select(0, self.starts)
        return smooth(z, p.clamp(_MIN_PROBABILITY, 1 - _MIN_PROBABILITY), self.packing)

    def upsample(self, z: Tensor) -> Tensor:
        """(K, D) to (T, D): each token takes the vector of the chunk that it lies in."""
        return F.embedding(self.index, z)


def confidence(boundary_prob: Tensor, boundary_mask: Tensor) -> Tensor:
    """(T,) probability of the decision that was taken, as a factor of value 1.

    Straight through: the value is 1, the gradient that of the probability (equation 7).
    """
    c = torch.where(boundary_mask, boundary_prob, 1 - boundary_prob)
    return c + (1 - c).detach()
