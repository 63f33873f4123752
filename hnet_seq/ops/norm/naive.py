"""Root-mean-square normalisation as its formula (Zhang and Sennrich 2019)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """weight * x / sqrt(mean(x^2) + eps) over the last dimension; x (..., D), weight (D,)."""
    return weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


def gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
    """rms_norm(y * silu(gate)): the gate comes before the norm (Mamba-2)."""
    return rms_norm(y * F.silu(gate), weight, eps)
