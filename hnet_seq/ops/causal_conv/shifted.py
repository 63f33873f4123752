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

ROWS = 512  # tokens: rows x channels of one step stay in a CPU's cache over its W passes


class _CausalConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
        taps = weight.t().contiguous()  # (W, C)
        ctx.packing = packing
        ctx.save_for_backward(x, taps, bias)
        u = _linear(x, taps, bias, packing)
        for rows in _steps(x):
            F.silu(u[rows], inplace=True)
        return u

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, taps, bias = ctx.saved_tensors
        packing: Packing = ctx.packing
        width, total = taps.shape[0], x.shape[0]
        du = _linear(x, taps, bias, packing)
        dx = x.new_empty(x.shape)
        dtaps, dbias = torch.zeros_like(taps), torch.zeros_like(bias)
        product = x.new_empty(_rows(x), x.shape[1])
        # From the right: a row of dx needs du of the rows behind it.
        for rows in reversed(_steps(x)):
            torch.ops.aten.silu_backward.grad_input(grads[0][rows], du[rows], grad_input=du[rows])
            dbias += du[rows].sum(0)
            torch.mul(du[rows], taps[-1], out=dx[rows])
            for lag in range(width):
                stop = min(rows.stop, total - lag)
                if rows.start < stop:
                    here = product[: stop - rows.start]
                    behind = du[rows.start + lag : stop + lag]
                    if lag:
                        dx[rows.start : stop].addcmul_(behind, taps[-1 - lag])
                    torch.mul(behind, x[rows.start : stop], out=here)
                    dtaps[-1 - lag] += here.sum(0)
        for lag, rows in packing.crossings(width):
            if rows.numel():
                dx.index_add_(0, rows - lag, du[rows] * -taps[-1 - lag])
                dtaps[-1 - lag] -= (du[rows] * x[rows - lag]).sum(0)
        return dx, dtaps.t(), dbias, None


def _linear(x: Tensor, taps: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """The convolution before SiLU."""
    u = x.new_empty(x.shape)
    for rows in _steps(x):
        torch.addcmul(bias, x[rows], taps[-1], out=u[rows])
        for lag in range(1, taps.shape[0]):
            first = max(rows.start, lag)
            if first < rows.stop:
                u[first : rows.stop].addcmul_(x[first - lag : rows.stop - lag], taps[-1 - lag])
    for lag, crossing in packing.crossings(taps.shape[0]):
        if crossing.numel():
            u.index_add_(0, crossing, x[crossing - lag] * -taps[-1 - lag])
    return u


def _rows(x: Tensor) -> int:
    return min(ROWS, x.shape[0]) if x.device.type == "cpu" else x.shape[0]


def _steps(x: Tensor) -> list[slice]:
    total, rows = x.shape[0], max(1, _rows(x))
    return [slice(start, min(start + rows, total)) for start in range(0, total, rows)]


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.causal_conv.naive.causal_conv`, in fp32 or wider; typed as ``x``."""
    wide = torch.promote_types(x.dtype, torch.float32)
    return _CausalConv.apply(x.to(wide), weight.to(wide), bias.to(wide), packing).to(x.dtype)
