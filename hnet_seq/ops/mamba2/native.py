"""Convolution, scan and gated norm of which only the projection is kept (CPU, fp32).

What they make in between is four times as much. The backward pass makes it again, a few blocks of
tokens at a time in the cache, from the projection and a state in a thousand tokens: less time than
memory takes to hand it back. The gradient is one for the whole projection.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.causal_conv import native as conv
from hnet_seq.ops.native import call
from hnet_seq.ops.norm import native as norm
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.ssd import native as scan

EVERY = 16  # blocks of the scan: of so many the first one's state is kept


class _Mix(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        conv_weight: Tensor,
        conv_bias: Tensor,
        dt_bias: Tensor,
        A: Tensor,
        D: Tensor,
        norm_weight: Tensor,
        eps: float,
        packing: Packing,
    ) -> Tensor:
        taps = conv_weight.t().contiguous()
        z, xBC, dt = _split(projected, taps.shape[1], A.shape[0])
        mixed = conv.forward(xBC, taps, conv_bias, packing)
        x, B, C = _streams(mixed, z.shape[1], A.shape[0])
        y, states = scan.forward(x, F.softplus(dt + dt_bias), A, B, C, D, packing)
        out, _ = norm.gated_forward(y.flatten(1), z, norm_weight, eps)
        ctx.packing, ctx.eps = packing, eps
        kept = states[:-1:EVERY].clone()  # a view would keep them all
        ctx.save_for_backward(projected, taps, conv_bias, dt_bias, A, D, norm_weight, kept)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        projected, *weights, kept = ctx.saved_tensors
        out = grads[0].clone(memory_format=torch.contiguous_format)
        d_projected, d_weights = backward(projected, weights, ctx.eps, ctx.packing, kept, out)
        return d_projected, *d_weights, None, None


def backward(
    projected: Tensor,
    weights: list[Tensor],
    eps: float,
    packing: Packing,
    kept: Tensor,
    out: Tensor,
) -> tuple[Tensor, list[Tensor]]:
    """The gradient of the projection, and those of the weights.

    Args:
        weights: taps (W, C) and bias of the convolution, those of step sizes, A, D and the norm.
        kept: (blocks / EVERY, H, N, P) the states that enter blocks.
        out: (T, I) the gradient of the outputs, in whose place the outputs come.
    """
    taps, _, _, A, _, norm_weight = weights
    (W, channels), inner, heads = taps.shape, norm_weight.shape[0], A.shape[0]
    state = (channels - inner) // 2
    d_projected = projected.new_empty(projected.shape)
    widths = [W * channels, channels, inner, heads, heads, heads]
    sums = projected.new_empty(-(-sum(widths) // scan.MULTIPLE) * scan.MULTIPLE)
    sizes = (projected.shape[0], inner, state, heads, W)
    given = (projected, *weights, eps, packing.place, kept, EVERY)
    call("mamba2_mix_backward", *sizes, *given, out, d_projected, sums)
    d_taps, d_bias, d_norm, d_dt_bias, d_A, d_D = sums[: sum(widths)].split(widths)
    return d_projected, [d_taps.view(taps.shape).t(), d_bias, d_dt_bias, d_A, d_D, d_norm]


def _split(projected: Tensor, channels: int, heads: int) -> list[Tensor]:
    """(T, D + C + H): gate, what is convolved, step sizes."""
    return list(projected.split([projected.shape[1] - channels - heads, channels, heads], dim=1))


def _streams(mixed: Tensor, inner: int, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """(T, D + 2 N): x by heads (T, H, P), B and C."""
    state = (mixed.shape[1] - inner) // 2
    x, B, C = mixed.split([inner, state, state], dim=1)
    return x.unflatten(1, (heads, -1)), B, C


def fits(taps: int, head_width: int, state_width: int) -> bool:
    """The kernels take these widths."""
    return taps <= conv.MAX_TAPS and scan.fits(head_width, state_width)


def mix(
    projected: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    norm_weight: Tensor,
    eps: float,
    packing: Packing,
) -> Tensor | None:
    """As :func:`hnet_seq.ops.mamba2_mix`; None where a width does not fit the kernels."""
    inner = norm_weight.shape[0]
    state = (conv_weight.shape[0] - inner) // 2
    if not fits(conv_weight.shape[1], inner // A.shape[0], state):
        return None
    given = (conv_weight, conv_bias, dt_bias, A, D, norm_weight)
    floats = (t.float().contiguous() for t in given)
    return _Mix.apply(projected.contiguous(), *floats, eps, packing)
