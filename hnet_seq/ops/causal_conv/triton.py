"""The depthwise convolution by Triton kernels of our own; any number of channels and taps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.optional import floating, launching_on, missing, only_cuda
from hnet_seq.ops.packing import Packing

_ROWS, _COLUMNS = 64, 64  # tokens and channels of a tile


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used."""
    return only_cuda(device) or floating(dtype) or missing("triton", "triton")


class _CausalConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, ids: Tensor) -> Tensor:
        from hnet_seq.ops.causal_conv import triton_kernels as kernels

        # A slice of the projection is read where it is.
        x = x if x.stride(1) == 1 else x.contiguous()
        weight, bias = weight.contiguous(), bias.contiguous()
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        with launching_on(x):
            kernels.forward[_grid(x)](
                x,
                weight,
                bias,
                ids,
                out,
                x.shape[0],
                x.stride(0),
                x.shape[1],
                TAPS=weight.shape[1],
                ROWS=_ROWS,
                COLUMNS=_COLUMNS,
            )
        ctx.save_for_backward(x, weight, bias, ids)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hnet_seq.ops.causal_conv import triton_kernels as kernels

        x, weight, bias, ids = ctx.saved_tensors
        total, channels = x.shape
        taps, grid = weight.shape[1], _grid(x)
        tile = {"TAPS": taps, "ROWS": _ROWS, "COLUMNS": _COLUMNS}
        du = torch.empty(total, channels, device=x.device)
        d_taps = torch.empty(grid[0], taps + 1, channels, device=x.device)
        dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        with launching_on(x):
            kernels.backward_linear[grid](
                grads[0].contiguous(),
                x,
                weight,
                bias,
                ids,
                du,
                d_taps,
                total,
                x.stride(0),
                channels,
                **tile,
            )
            kernels.backward_input[grid](du, weight, ids, dx, total, channels, **tile)
        d_taps = d_taps.sum(0)
        return dx, d_taps[:taps].t().to(weight.dtype), d_taps[taps].to(bias.dtype), None


def _grid(x: Tensor) -> tuple[int, int]:
    return -(-x.shape[0] // _ROWS), -(-x.shape[1] // _COLUMNS)


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.causal_conv.naive.causal_conv`; (T, C) typed as ``x``."""
    return _CausalConv.apply(x, weight, bias, packing.sequence_row)
