"""The gated activation in one pass over memory, forward and back (CPU, fp32)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.native import call


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x)
        total, both = x.shape
        out = x.new_empty(total, both // 2)
        call("swiglu_forward", *out.shape, x, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        d_out, d_x = grads[0].contiguous(), x.new_empty(x.shape)
        call("swiglu_backward", *d_out.shape, x, d_out, d_x)
        return d_x


def swiglu(x: Tensor) -> Tensor:
    """As :func:`hnet_seq.ops.swiglu.naive.swiglu`."""
    return _SwiGLU.apply(x)
