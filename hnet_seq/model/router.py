"""The router: where a new chunk begins (Hwang, Wang, Gu 2025, section 2.2.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.model.linear import Linear
from hnet_seq.ops import neighbour_cosine
from hnet_seq.ops.packing import Packing


class Router(nn.Module):
    """A boundary where the projections of neighbouring vectors point apart.

    p_t = (1 - cos(q(h_{t-1}), k(h_t))) / 2, and 1 at the start of each sequence; a chunk begins
    where p_t > 0.5. The released weights put q on the earlier token. Where both strands are packed,
    the cosine is the mean of what either strand finds between the two places.

    Args:
        bidirectional: the cosine is the mean of this and that with q and k exchanged, so that a
            boundary lies between two vectors, whichever of them is read first.
    """

    def __init__(self, d_model: int, bidirectional: bool = False) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.d_model = d_model
        self.q_proj_layer = Linear(d_model, d_model, bias=False)
        self.k_proj_layer = Linear(d_model, d_model, bias=False)

    def new_state(self, slots: int) -> Tensor:
        """(slots, D): the last encoder vector of each sequence."""
        return self.q_proj_layer.weight.new_zeros(slots, self.d_model)

    def forward(
        self, h: Tensor, packing: Packing, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(T, D) to the boundary probability (T,) in fp32 and the boundary mask (T,).

        Args:
            state: the last vectors of sequences that go on; replaced in place.
        """
        # A rounded cosine moves boundaries, so autocast ends here.
        with torch.autocast(h.device.type, enabled=False):
            return self._decide(h.to(self.q_proj_layer.weight.dtype), packing, state)

    def _decide(self, h: Tensor, packing: Packing, state: Tensor | None) -> tuple[Tensor, Tensor]:
        q, k = self.q_proj_layer(h), self.k_proj_layer(h)
        cosine = neighbour_cosine(q, k)
        if self.bidirectional:
            backwards = F.cosine_similarity(k[:-1].float(), q[1:].float(), dim=-1)
            cosine = (cosine + backwards) / 2
        if packing.both_strands:
            cosine = (cosine + cosine.flip(0)) / 2
        probability = F.pad(_probability(cosine), (1, 0), value=1.0)
        begins = packing.starts
        if state is not None:
            assert packing.offset is not None
            last = self.q_proj_layer(packing.gather(state).to(h.dtype)).float()
            first = F.cosine_similarity(last, k.index_select(0, begins).float(), dim=-1)
            probability = probability.index_copy(0, begins, _probability(first))
            begins = begins[packing.offset == 0]
            packing.scatter(state, h[packing.ends])
        probability = probability.index_fill(0, begins, 1.0)
        return probability, probability > 0.5


def _probability(cosine: Tensor) -> Tensor:
    return ((1 - cosine) / 2).clamp(0, 1)
