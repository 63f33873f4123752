"""Causal attention inside each packed sequence, one query at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


def attention(q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int = -1) -> Tensor:
    """softmax(q k' / sqrt(d)) v over the visible keys.

    Key j is seen from query i of the same sequence when 0 <= i - j, and i - j <= window if
    window >= 0.

    Args:
        q, k, v: (T, H, d).
        window: tokens to the left; -1 for all.

    Returns:
        (T, H, d).
    """
    outputs = []
    scale = 1 / math.sqrt(q.shape[-1])
    for sequence in torch.split(torch.arange(q.shape[0], device=q.device), packing.lengths):
        first = int(sequence[0])
        for i in sequence.tolist():
            start = first if window < 0 else max(first, i - window)
            scores = torch.einsum("hd,jhd->hj", q[i], k[start : i + 1]) * scale
            outputs.append(torch.einsum("hj,jhd->hd", scores.softmax(-1), v[start : i + 1]))
    return torch.stack(outputs)
