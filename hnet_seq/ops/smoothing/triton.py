"""The smoothing by Triton kernels of our own: one launch forward, one backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.optional import launching_on, missing, only_cuda
from hnet_seq.ops.packing import Packing

_ROWS, _COLUMNS = 64, 32  # chunks and columns of a tile


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used."""
    return only_cuda(device) or missing("triton", "triton")


class _Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, p: Tensor, bounds: Tensor) -> Tensor:
        from hnet_seq.ops.smoothing import triton_kernels as kernels

        z, p = z.contiguous(), p.contiguous()
        y = torch.empty_like(z)
        with launching_on(z):
            kernels.forward[_grid(z, bounds)](
                z, p, y, bounds, z.shape[1], ROWS=_ROWS, COLUMNS=_COLUMNS
            )
        ctx.save_for_backward(z, p, y, bounds)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hnet_seq.ops.smoothing import triton_kernels as kernels

        z, p, y, bounds = ctx.saved_tensors
        grid = _grid(z, bounds)
        dz, dp = torch.empty_like(z), p.new_empty(grid[1], p.numel())
        with launching_on(z):
            kernels.backward[grid](
                grads[0].contiguous(),
                z,
                p,
                y,
                dz,
                dp,
                bounds,
                z.shape[1],
                p.numel(),
                ROWS=_ROWS,
                COLUMNS=_COLUMNS,
            )
        return dz, dp.sum(0), None


def _grid(z: Tensor, bounds: Tensor) -> tuple[int, int]:
    return bounds.numel() - 1, -(-z.shape[1] // _COLUMNS)


def smooth(z: Tensor, p: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.smoothing.naive.smooth`; always fp32.

    Sequences run beside each other and chunks of one after each other: best for many sequences.
    """
    return _Smooth.apply(z.float(), p.float(), packing.cu_seqlens)
