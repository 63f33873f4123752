"""The router: where a new chunk begins (Hwang, Wang, Gu 2025, section 2.2.1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.ops.packing import Packing


class Router(nn.Module):
    """A boundary where the projections of neighbouring vectors point apart.

    p_t = (1 - cos(q(h_{t-1}), k(h_t))) / 2, and 1 at the start of each sequence; a chunk begins
    where p_t > 0.5. The released weights put q on the earlier token.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.q_proj_layer = nn.Linear(d_model, d_model, bias=False)
        self.k_proj_layer = nn.Linear(d_model, d_model, bias=False)

    def forward(self, h: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
        """(T, D) to the boundary probability (T,) in fp32 and the boundary mask (T,)."""
        q, k = self.q_proj_layer(h[:-1]).float(), self.k_proj_layer(h[1:]).float()
        probability = ((1 - F.cosine_similarity(q, k, dim=-1)) / 2).clamp(0, 1)
        probability = F.pad(probability, (1, 0), value=1.0)
        probability = probability.index_fill(0, packing.starts, 1.0)
        return probability, probability > 0.5
