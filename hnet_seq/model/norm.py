"""RMSNorm over the fp32 residual stream."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hnet_seq.ops import rms_norm

EPS = 1e-5


class RMSNorm(nn.Module):
    """weight * x / rms(x); (T, D) to (T, D)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, EPS)
