"""A norm and a whole Mamba-2 mixer, of which little is kept for the backward pass (CPU, fp32).

Kept are the input, which the residual path has anyway, what ``in_proj`` made of it, and a state in
a thousand tokens. The norm of the input, and all between the projections, are made again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.mamba2.native import EVERY, backward, fits
from hnet_seq.ops.native import call, rows
from hnet_seq.ops.norm import native as norm
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.ssd.native import BLOCK, MULTIPLE


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        first_norm: Tensor,
        in_weight: Tensor,
        conv_weight: Tensor,
        conv_bias: Tensor,
        dt_bias: Tensor,
        A: Tensor,
        D: Tensor,
        norm_weight: Tensor,
        out_weight: Tensor,
        eps: float,
        packing: Packing,
    ) -> Tensor:
        x, x_row = rows(x)
        (T, width), inner, heads = x.shape, norm_weight.shape[0], A.shape[0]
        taps = conv_weight.t().contiguous()
        state = (taps.shape[1] - inner) // 2
        weights = [taps, conv_bias, dt_bias, A, D, norm_weight]
        out, projected = x.new_empty(T, width), x.new_empty(T, in_weight.shape[0])
        kept = x.new_zeros(-(-T // (BLOCK * EVERY)), heads, state, inner // heads)
        sizes = (T, width, inner, state, heads, taps.shape[0])
        given = (first_norm, in_weight, *weights, eps, out_weight, packing.place)
        call("mamba2_layer", *sizes, x, x_row, *given, out, projected, kept, EVERY)
        ctx.packing, ctx.eps = packing, eps
        ctx.save_for_backward(x, first_norm, in_weight, *weights, out_weight, projected, kept)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, first_norm, in_weight, *weights, out_weight, projected, kept = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        d_out = grads[0].contiguous()
        mixed = d_out @ out_weight
        d_projected, d_weights = backward(projected, weights, ctx.eps, ctx.packing, kept, mixed)
        d_out_weight = d_out.t() @ mixed if wanted[9] else None
        del mixed
        normed, scale = norm.forward(x, first_norm, ctx.eps)
        d_in_weight = d_projected.t() @ normed if wanted[2] else None
        d_normed = torch.mm(d_projected, in_weight, out=normed)
        d_x, d_first_norm = norm.backward(x, first_norm, scale, d_normed)
        return d_x, d_first_norm, d_in_weight, *d_weights, d_out_weight, None, None


def layer(
    x: Tensor,
    first_norm: Tensor,
    in_weight: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    norm_weight: Tensor,
    out_weight: Tensor,
    eps: float,
    packing: Packing,
) -> Tensor | None:
    """As :func:`hnet_seq.ops.mamba2_layer`; None where a width does not fit the kernel."""
    inner = norm_weight.shape[0]
    state = (conv_weight.shape[0] - inner) // 2
    weights = (in_weight, conv_weight, conv_bias, dt_bias, A, D, norm_weight, out_weight)
    if (
        x.shape[1] % MULTIPLE
        or not fits(conv_weight.shape[1], inner // A.shape[0], state)
        or any(weight.dtype is not torch.float32 for weight in (first_norm, *weights))
    ):
        return None
    return _Layer.apply(x, *(w.contiguous() for w in (first_norm, *weights)), eps, packing)
