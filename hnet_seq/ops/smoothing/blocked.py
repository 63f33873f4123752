"""The smoothing as products of 64-wide triangular matrices.

The average is the linear recurrence y_k = a_k y_{k-1} + b_k with a = 1 - p and b = p z. Inside a
block of Q chunks it is a (Q, Q) matrix times (Q, D); the last rows of the blocks follow the same
recurrence with one decay per block, so the function calls itself on them: log_Q(K) levels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.packing import Blocks, Packing

BLOCK = 64


def _recurrence(log_decay: Tensor, b: Tensor, sequence_index: Tensor) -> Tensor:
    """y_k = exp(log_decay_k) y_{k-1} + b_k inside each sequence; log_decay (K,) fp64, b (K, D).

    Logarithms all the way down: the decay over a block of blocks underflows.
    """
    blocks = Blocks(sequence_index, min(BLOCK, max(1, b.shape[0])))
    # The running sum of logs is large beside its differences: fp32 would cost four digits.
    running = blocks.split(log_decay).cumsum(1)
    matrix = (running.unsqueeze(2) - running.unsqueeze(1) + blocks.causal).exp().to(b.dtype)
    y = matrix @ blocks.split(b)  # (B, Q, D)
    if blocks.count > 1:
        reach = running.exp().to(b.dtype) * blocks.from_left.to(b.dtype)
        # A block that no state passes through starts a sequence of blocks of its own.
        carried = _recurrence(
            running[:, -1],
            y[:, -1],
            (blocks.through == 0).cumsum(0),
        )
        y[1:].addcmul_(reach[1:, :, None], carried[:-1, None])
    return blocks.join(y)


class _Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, p: Tensor, sequence_index: Tensor) -> Tensor:
        y = _recurrence(torch.log1p(-p.double()), p[:, None] * z, sequence_index)
        ctx.save_for_backward(z, p, y, sequence_index)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        z, p, y, sequence_index = ctx.saved_tensors
        # The gradient obeys the same recurrence from the right: g_k = dy_k + a_{k+1} g_{k+1}.
        log_decay = torch.zeros_like(p, dtype=torch.float64)
        log_decay[:-1] = torch.log1p(-p[1:].double())
        g = _recurrence(log_decay.flip(0), grads[0].flip(0), sequence_index.flip(0)).flip(0)
        dp = (g * z).sum(1)
        same = sequence_index[1:] == sequence_index[:-1]
        dp[1:] -= (g[1:] * y[:-1]).sum(1) * same
        return p[:, None] * g, dp, None


def smooth(z: Tensor, p: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.smoothing.naive.smooth`; always fp32."""
    return _Smooth.apply(z.float(), p.float(), packing.sequence_index)
