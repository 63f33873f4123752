"""Chunks back to their tokens (Hwang, Wang, Gu 2025, equations 8 and 9): the definition."""

from __future__ import annotations

import torch
from torch import Tensor


def spread(z: Tensor, starts: Tensor, scale: Tensor) -> Tensor:
    """Each token takes the vector of the chunk that it lies in, times its own factor.

    Args:
        z: (K, D).
        starts: (K,) int64 the first token of each chunk, increasing from 0.
        scale: (T,).

    Returns:
        (T, D).
    """
    tokens = torch.arange(scale.shape[0], device=z.device)
    chunk = torch.searchsorted(starts, tokens, right=True) - 1
    return z.index_select(0, chunk) * scale.unsqueeze(-1)
