"""Causal convolution and SiLU in one pass over memory, forward and back (CPU, fp32)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.causal_conv import shifted
from hnet_seq.ops.native import call, rows
from hnet_seq.ops.packing import Packing

MAX_TAPS = 8  # of the kernel; longer ones are convolved by shifts


def forward(x: Tensor, taps: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """x (T, C) with any distance between rows, taps (W, C) to (T, C)."""
    x, x_row = rows(x)
    out = x.new_empty(x.shape)
    call(
        "causal_conv_forward",
        *x.shape,
        taps.shape[0],
        x,
        x_row,
        taps,
        bias,
        packing.place,
        out,
        out.stride(0),
    )
    return out


def backward(
    x: Tensor, taps: Tensor, bias: Tensor, packing: Packing, d_out: Tensor, d_x: Tensor
) -> tuple[Tensor, Tensor]:
    """Write d_x (T, C), whose rows may lie apart; returns the gradients of taps and bias."""
    x, x_row = rows(x)
    d_out, d_out_row = rows(d_out)
    sums = x.new_empty(taps.shape[0] + 1, taps.shape[1])
    given = (x, x_row, taps, bias, packing.place, d_out, d_out_row)
    call("causal_conv_backward", *x.shape, taps.shape[0], *given, d_x, d_x.stride(0), sums)
    return sums[:-1], sums[-1]


class _CausalConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
        taps = weight.t().contiguous()
        ctx.packing = packing
        ctx.save_for_backward(x, taps, bias)
        return forward(x, taps, bias, packing)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, taps, bias = ctx.saved_tensors
        d_x = x.new_empty(x.shape)
        d_taps, d_bias = backward(x, taps, bias, ctx.packing, grads[0], d_x)
        return d_x, d_taps.t(), d_bias, None


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.causal_conv.naive.causal_conv`."""
    if weight.shape[1] > MAX_TAPS:
        return shifted.causal_conv(x, weight, bias, packing)
    return _CausalConv.apply(x, weight.float(), bias.float().contiguous(), packing)
