"""Convolution, scan and gated norm with one gradient for the whole projection (CPU, fp32).

Apart, their gradients would be written, and then copied side by side. Here each kernel writes its
own columns, and the convolution is done again in the backward pass instead of being kept.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.causal_conv import native as conv
from hnet_seq.ops.norm import native as norm
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.ssd import native as scan


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
        step = F.softplus(dt + dt_bias)
        y, states = scan.forward(x, step, A, B, C, D, packing)
        out, scale = norm.gated_forward(y.flatten(1), z, norm_weight, eps)
        ctx.packing = packing
        ctx.save_for_backward(
            projected, taps, conv_bias, dt_bias, A, D, norm_weight, step, y, states, scale
        )
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        projected, taps, conv_bias, dt_bias, A, D, norm_weight, step, y, states, scale = saved
        packing: Packing = ctx.packing
        channels, heads = taps.shape[1], A.shape[0]
        d_projected = projected.new_empty(projected.shape)
        z, xBC, dt = _split(projected, channels, heads)
        d_z, d_xBC, d_dt = _split(d_projected, channels, heads)

        d_y, d_norm = norm.gated_backward(y.flatten(1), z, norm_weight, scale, grads[0], d_z)
        mixed = conv.forward(xBC, taps, conv_bias, packing)
        x, B, C = _streams(mixed, z.shape[1], heads)
        d_mixed = mixed.new_empty(mixed.shape)
        d_x, d_B, d_C = _streams(d_mixed, z.shape[1], heads)
        d_step, d_A, d_D = scan.backward(
            x, step, A, B, C, D, packing, states, d_y.view(y.shape), d_x, d_B, d_C
        )
        d_taps, d_bias = conv.backward(xBC, taps, conv_bias, packing, d_mixed, d_xBC)
        torch.mul(d_step, torch.sigmoid(dt + dt_bias), out=d_dt)  # softplus' slope
        return d_projected, d_taps.t(), d_bias, d_dt.sum(0), d_A, d_D, d_norm, None, None


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
    return _Mix.apply(projected, *(t.float().contiguous() for t in given), eps, packing)
