"""Chunks back to their tokens in one pass over memory, forward and back (CPU, fp32)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.native import call


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, starts: Tensor, scale: Tensor) -> Tensor:
        out = z.new_empty(scale.shape[0], z.shape[1])
        call("spread_forward", *z.shape, z, starts, scale.shape[0], scale, out)
        ctx.save_for_backward(z, starts, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        z, starts, scale = ctx.saved_tensors
        d_z, d_scale = z.new_empty(z.shape), z.new_empty(scale.shape)
        given = (z, starts, scale.shape[0], scale, grads[0].contiguous())
        call("spread_backward", *z.shape, *given, d_z, d_scale)
        return d_z, None, d_scale


def spread(z: Tensor, starts: Tensor, scale: Tensor) -> Tensor:
    """As :func:`hnet_seq.ops.spread.naive.spread`."""
    starts = starts.to(torch.int32).contiguous()
    return _Spread.apply(z.contiguous(), starts, scale.float().contiguous())
