"""Causal self-attention with rotary positions, over packed sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hnet_seq.ops import attention
from hnet_seq.ops.packing import Packing

_ROTARY_BASE = 10000.0


def rotate(x: Tensor, position: Tensor, dims: int) -> Tensor:
    """Rotary embedding (Su et al. 2021) of the first ``dims`` of each head, half-split pairs.

    Args:
        x: (T, ..., H, d).
        position: (T,) place of each token in its sequence.
    """
    if dims == 0:
        return x
    frequency = _ROTARY_BASE ** (-torch.arange(0, dims, 2, device=x.device) / dims)
    angle = position[:, None].float() * frequency  # (T, dims / 2)
    shape = (angle.shape[0], *[1] * (x.dim() - 2), dims // 2)
    cos, sin = angle.cos().view(shape), angle.sin().view(shape)
    first, second, rest = x.split([dims // 2, dims // 2, x.shape[-1] - dims], dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)


class CausalSelfAttention(nn.Module):
    """Multi-head attention; (T, D) to (T, D).

    Args:
        window: tokens seen to the left, -1 for all.
    """

    def __init__(self, d_model: int, num_heads: int, rotary_emb_dim: int, window: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.rotary_emb_dim = rotary_emb_dim
        self.window = window
        self.Wqkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        qkv = self.Wqkv(x).unflatten(-1, (3, self.num_heads, -1))  # (T, 3, H, d)
        qk = rotate(qkv[:, :2], packing.position, self.rotary_emb_dim)
        out = attention(qk[:, 0], qk[:, 1], qkv[:, 2], packing, self.window)
        return self.out_proj(out.flatten(1))
