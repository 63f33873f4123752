"""Packed attention by the FlashAttention kernels that torch brings, where it lends them.

``torch.nn.attention.varlen`` is in torch 2.10, with windows from 2.11 on.
"""

from __future__ import annotations

import inspect
import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.attention.flash_attn import sides
from hnet_seq.ops.optional import load, missing, only_cuda, only_half
from hnet_seq.ops.packing import Packing

_MODULE = "torch.nn.attention.varlen"
_LANES = 8  # the kernels take heads in eights


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used."""
    return only_cuda(device) or only_half(dtype, "it has no fp32") or _missing()


@cache
def _missing() -> str | None:
    upgrade = "it needs torch 2.11 or newer"
    if missing(_MODULE, "varlen_attn"):
        return f"this torch, {torch.__version__}, has no varlen_attn; {upgrade}"
    known = inspect.signature(load(_MODULE).varlen_attn).parameters
    if not {"window_size", "scale"} <= set(known):
        return f"varlen_attn of this torch, {torch.__version__}, has no windows; {upgrade}"
    return None


def attention(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int = -1, causal: bool = True
) -> Tensor:
    """As :func:`hnet_seq.ops.attention.naive.attention`; heads of up to 256."""
    width = q.shape[-1]
    k, v = k.to(q.dtype), v.to(q.dtype)
    if fill := -width % _LANES:
        q, k, v = (F.pad(t, (0, fill)) for t in (q, k, v))
    bounds, longest = packing.cu_seqlens, packing.longest
    out = load(_MODULE).varlen_attn(
        q,
        k,
        v,
        bounds,
        bounds,
        longest,
        longest,
        scale=1 / math.sqrt(width),
        window_size=sides(window, causal),
    )
    return out[..., :width]
