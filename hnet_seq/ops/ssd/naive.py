"""The Mamba-2 recurrence, one token at a time: the definition that every backend is tested against.

Dao and Gu 2024 (arXiv 2405.21060), equation 1 with scalar A per head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, packing: Packing
) -> Tensor:
    """State-space duality scan: h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t', y_t = h_t C_t + D x_t.

    The state is zero at the start of each sequence.

    Args:
        x: (T, H, P) inputs.
        dt: (T, H) step sizes, positive.
        A: (H,) decay rates, negative.
        B, C: (T, N) input and output maps, shared by all heads.
        D: (H,) skip weights.

    Returns:
        (T, H, P).
    """
    outputs = []
    for sequence in torch.split(torch.arange(x.shape[0], device=x.device), packing.lengths):
        state = x.new_zeros(*x.shape[1:], B.shape[1])  # (H, P, N)
        for t in sequence.tolist():
            decay = torch.exp(dt[t] * A)[:, None, None]
            state = decay * state + torch.einsum("hp,n->hpn", dt[t][:, None] * x[t], B[t])
            outputs.append(torch.einsum("hpn,n->hp", state, C[t]) + D[:, None] * x[t])
    return torch.stack(outputs)
