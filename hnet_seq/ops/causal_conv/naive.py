"""Depthwise causal convolution with SiLU, one token at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.packing import Packing


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """silu(bias + sum_k weight[:, -1 - k] * x_{t-k}), which never reads across a sequence start.

    Args:
        x: (T, C).
        weight: (C, W), the newest token last.
        bias: (C,).

    Returns:
        (T, C).
    """
    width = weight.shape[1]
    outputs = []
    for sequence in torch.split(x, packing.lengths):
        for t in range(sequence.shape[0]):
            u = bias
            for k in range(min(width, t + 1)):
                u = u + weight[:, width - 1 - k] * sequence[t - k]
            outputs.append(F.silu(u))
    return torch.stack(outputs)
