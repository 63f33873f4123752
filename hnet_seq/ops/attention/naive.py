"""Attention inside each packed sequence, one query at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


def attention(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int = -1, causal: bool = True
) -> Tensor:
    """softmax(q k' / sqrt(d)) v over the visible keys.

    Key j is seen from query i of the same sequence when 0 <= i - j, and i - j <= window if
    window >= 0; without ``causal`` the same of |i - j|.

    Args:
        q, k, v: (T, H, d).
        window: tokens to the left, and without ``causal`` to the right; -1 for all.

    Returns:
        (T, H, d).
    """
    outputs = []
    scale = 1 / math.sqrt(q.shape[-1])
    for sequence in torch.split(torch.arange(q.shape[0], device=q.device), packing.lengths):
        first, last = int(sequence[0]), int(sequence[-1])
        for i in sequence.tolist():
            start = first if window < 0 else max(first, i - window)
            stop = 1 + (i if causal else last if window < 0 else min(last, i + window))
            scores = torch.einsum("hd,jhd->hj", q[i], k[start:stop]) * scale
            outputs.append(torch.einsum("hj,jhd->hd", scores.softmax(-1), v[start:stop]))
    return torch.stack(outputs)
