"""Self-attention with rotary positions, over packed sequences."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hnet_seq.model.linear import Linear
from hnet_seq.ops import KeyValueCache, attention, attention_continue
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.reversal import both_ways

_ROTARY_BASE = 10000.0


def rotate(x: Tensor, position: Tensor, dims: int) -> Tensor:
    """Rotary embedding (Su et al. 2021) of the first ``dims`` of each head, half-split pairs.

    Args:
        x: (T, ..., H, d).
        position: (T,) place of each token in its sequence.
    """
    if dims == 0:
        return x
    frequency = _ROTARY_BASE ** (-torch.arange(0, dims, 2, device=x.device).double() / dims)
    # Millions of tokens along, an fp32 angle would be off by whole fractions of a turn.
    angle = (position[:, None] * frequency).remainder(2 * math.pi).float()  # (T, dims / 2)
    shape = (angle.shape[0], *[1] * (x.dim() - 2), dims // 2)
    cos, sin = angle.cos().view(shape), angle.sin().view(shape)
    first, second, rest = x.split([dims // 2, dims // 2, x.shape[-1] - dims], dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)


class SelfAttention(nn.Module):
    """Multi-head attention; (T, D) to (T, D). Causal unless bidirectional.

    Args:
        window: tokens seen to the left, and of a bidirectional model to the right; -1 for all.
        bidirectional: later tokens are seen too.
        mirrored: what rotary positions make of "before" and "after" is evened out then: positions
            also count from the end, and the mean is taken.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        rotary_emb_dim: int,
        window: int,
        bidirectional: bool = False,
        mirrored: bool = True,
    ) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.passes = 2 if bidirectional and mirrored and rotary_emb_dim else 1
        self.num_heads = num_heads
        self.rotary_emb_dim = rotary_emb_dim
        self.window = window
        self.Wqkv = Linear(d_model, 3 * d_model, bias=False)
        self.out_proj = Linear(d_model, d_model, bias=False)

    def new_state(self, slots: int) -> KeyValueCache:
        """The cache of ``slots`` sequences that have not begun."""
        head_dim = self.out_proj.in_features // self.num_heads
        return KeyValueCache(
            slots, self.num_heads, head_dim, self.window, self.out_proj.weight.device
        )

    def forward(self, x: Tensor, packing: Packing, state: KeyValueCache | None = None) -> Tensor:
        qkv = self.Wqkv(x).unflatten(-1, (3, self.num_heads, -1))  # (T, 3, H, d)
        if self.passes == 2:
            assert state is None
            out = both_ways(lambda qkv: self._mix(qkv, packing, None), packing, qkv)
        else:
            out = self._mix(qkv, packing, state)
        return self.out_proj(out.flatten(1))

    def _mix(self, qkv: Tensor, packing: Packing, state: KeyValueCache | None) -> Tensor:
        """(T, 3, H, d) to (T, H, d)."""
        # The angles are fp32; under autocast q and k shall stay as short as v.
        rotated = rotate(qkv[:, :2], packing.position, self.rotary_emb_dim).to(qkv.dtype)
        q, k = rotated.unbind(1)
        v = qkv[:, 2]
        if state is None:
            return attention(q, k, v, packing, self.window, not self.bidirectional)
        return attention_continue(q, k, v, packing, state)
