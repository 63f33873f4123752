"""The Mamba-2 mixer (Dao and Gu 2024) over packed sequences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.model.config import MAMBA_HEAD_DIM, SSMConfig
from hnet_seq.model.norm import EPS, RMSNorm
from hnet_seq.ops import causal_conv, gated_rms_norm, ssd
from hnet_seq.ops.packing import Packing


class Mamba2(nn.Module):
    """in_proj -> causal conv -> selective state space -> gated norm -> out_proj; (T, D) to (T, D).

    One group: all heads share B and C.
    """

    def __init__(self, d_model: int, config: SSMConfig) -> None:
        super().__init__()
        self.d_inner = config.expand * d_model
        self.d_state = config.d_state
        self.num_heads = self.d_inner // MAMBA_HEAD_DIM
        channels = self.d_inner + 2 * self.d_state
        self.in_proj = nn.Linear(d_model, self.d_inner + channels + self.num_heads, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, config.d_conv, groups=channels)
        self.dt_bias = nn.Parameter(torch.zeros(self.num_heads))
        self.A_log = nn.Parameter(torch.zeros(self.num_heads))
        self.D = nn.Parameter(torch.ones(self.num_heads))
        self.norm = RMSNorm(self.d_inner)
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        widths = [self.d_inner, self.d_inner + 2 * self.d_state, self.num_heads]
        z, xBC, dt = self.in_proj(x).split(widths, dim=-1)
        assert self.conv1d.bias is not None
        xBC = causal_conv(xBC, self.conv1d.weight.squeeze(1), self.conv1d.bias, packing)
        x, B, C = xBC.split([self.d_inner, self.d_state, self.d_state], dim=-1)
        y = ssd(
            x.unflatten(-1, (self.num_heads, MAMBA_HEAD_DIM)),
            F.softplus(dt + self.dt_bias),
            -self.A_log.exp(),
            B,
            C,
            self.D,
            packing,
        )
        return self.out_proj(gated_rms_norm(y.flatten(1), z, self.norm.weight, EPS))
