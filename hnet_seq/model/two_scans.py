"""Two Mamba-2 mixers over a sequence, one from each end, as LDARNet has them."""

from __future__ import annotations

from torch import Tensor, nn

from hnet_seq.model.config import SSMConfig
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.reversal import reverse


class TwoScans(nn.Module):
    """The mean of a mixer and of another one over the reversed sequence; (T, D) to (T, D).

    They share ``in_proj`` and ``out_proj``; convolution, A, step sizes, D and norm are each one's
    own. The mean is taken before ``out_proj``, which is linear and without a bias: one product
    instead of two. Parameters have the names of LDARNet's released weights.
    """

    def __init__(self, d_model: int, config: SSMConfig) -> None:
        super().__init__()
        self.fwd = Mamba2(d_model, config)
        self.bwd = Mamba2(d_model, config)
        self.bwd.in_proj, self.bwd.out_proj = self.fwd.in_proj, self.fwd.out_proj

    def forward(self, x: Tensor, packing: Packing, state: None = None) -> Tensor:
        projected = self.fwd.in_proj(x)
        forwards = self.fwd.between(projected, packing)
        backwards = self.bwd.between(reverse(projected, packing), packing)
        return self.fwd.out_proj((forwards + reverse(backwards, packing)) / 2)
