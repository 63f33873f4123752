"""The smoothing in one pass over memory, forward and back (CPU, fp32): the definition as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.native import call, rows
from hnet_seq.ops.packing import Packing


class _Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, p: Tensor, place: Tensor) -> Tensor:
        z, z_row = rows(z)
        average = z.new_empty(z.shape)
        call("smooth_forward", *z.shape, z, z_row, p, place, average)
        ctx.save_for_backward(z, p, place, average)
        return average

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        z, p, place, average = ctx.saved_tensors
        d_z, d_p = z.new_empty(z.shape), p.new_empty(p.shape)
        given = (z, z.stride(0), p, place, average, grads[0].contiguous())
        call("smooth_backward", *z.shape, *given, d_z, d_p)
        return d_z, d_p, None


def smooth(z: Tensor, p: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.smoothing.naive.smooth`."""
    return _Smooth.apply(z, p.float().contiguous(), packing.place)
