"""Depthwise causal convolution as W shifted multiply-adds over all packed tokens.

A grouped ``conv1d`` wants the tokens innermost, hence two transposed copies, and on a CPU it is
slower than the copies. The shifts ignore sequence starts; the few rows that read across one are
put right afterwards.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.packing import Packing

ROWS = 1024  # tokens: rows x channels of one step stay in the cache over its W passes


class _CausalConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
        taps = weight.t().contiguous()  # (W, C)
        crossings = packing.crossings(taps.shape[0])
        ctx.crossings = crossings
        ctx.save_for_backward(x, weight, bias)
        return F.silu(_linear(x, taps, bias, crossings), inplace=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        taps = weight.t().contiguous()
        width, total = taps.shape[0], x.shape[0]
        u = _linear(x, taps, bias, ctx.crossings)
        du = torch.ops.aten.silu_backward(grads[0], u)
        dx = du * taps[-1]
        dtaps = torch.empty_like(taps)
        dtaps[-1] = (du * x).sum(0)
        for lag in range(1, min(width, total)):
            dx[:-lag].addcmul_(du[lag:], taps[-1 - lag])
            dtaps[-1 - lag] = (du[lag:] * x[:-lag]).sum(0)
        dtaps[: max(0, width - total)] = 0
        for lag, rows in ctx.crossings:
            if rows.numel():
                dx.index_add_(0, rows - lag, du[rows] * -taps[-1 - lag])
                dtaps[-1 - lag] -= (du[rows] * x[rows - lag]).sum(0)
        return dx, dtaps.t(), du.sum(0), None


def _linear(x: Tensor, taps: Tensor, bias: Tensor, crossings: list[tuple[int, Tensor]]) -> Tensor:
    """The convolution before SiLU."""
    width, total = taps.shape[0], x.shape[0]
    u = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    for start in range(0, total, ROWS):
        stop = min(start + ROWS, total)
        rows = u[start:stop]
        torch.addcmul(bias, x[start:stop], taps[-1], out=rows)
        for lag in range(1, width):
            first = max(start, lag)
            if first < stop:
                u[first:stop].addcmul_(x[first - lag : stop - lag], taps[-1 - lag])
    for lag, rows in crossings:
        if rows.numel():
            u.index_add_(0, rows, x[rows - lag] * -taps[-1 - lag])
    return u


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.causal_conv.naive.causal_conv`."""
    return _CausalConv.apply(x, weight, bias, packing)
