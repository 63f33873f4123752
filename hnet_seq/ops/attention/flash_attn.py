"""Packed attention by FlashAttention 2 (the flash-attn package)."""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.optional import load, missing, only_cuda, only_half
from hnet_seq.ops.packing import Packing


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used."""
    reason = only_cuda(device) or only_half(dtype, "it has no fp32")
    return reason or missing("flash_attn", "flash-attn")


def attention(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int = -1, causal: bool = True
) -> Tensor:
    """As :func:`hnet_seq.ops.attention.naive.attention`; heads of up to 256."""
    bounds, longest = packing.cu_seqlens, packing.longest
    return load("flash_attn").flash_attn_varlen_func(
        q,
        k.to(q.dtype),
        v.to(q.dtype),
        bounds,
        bounds,
        longest,
        longest,
        causal=causal,
        window_size=sides(window, causal),
    )


def sides(window: int, causal: bool) -> tuple[int, int]:
    """Tokens seen to the left and to the right, -1 for all."""
    return (window, 0 if causal else window)
