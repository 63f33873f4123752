"""RMS normalisation in one pass over memory, forward and back (CPU, fp32)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.native import call, rows


def forward(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """x (T, D), whose rows may lie apart, to (T, D), and 1 / rms of each row (T,)."""
    x, x_row = rows(x)
    total, width = x.shape  # of another shape the kernel would take each argument for the next
    out, scale = x.new_empty(total, width), x.new_empty(total)
    call("rms_norm_forward", total, width, x, x_row, weight, eps, out, scale)
    return out, scale


def backward(x: Tensor, weight: Tensor, scale: Tensor, d_out: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of x, whose rows may lie apart, and of the weight."""
    x, x_row = rows(x)
    d_x, d_weight = x.new_empty(x.shape), x.new_empty(weight.shape)
    given = (x, x_row, weight, scale, d_out.contiguous(), d_x, d_weight)
    call("rms_norm_backward", *x.shape, *given)
    return d_x, d_weight


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, scale = forward(x, weight, eps)
        ctx.save_for_backward(x, weight, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, scale = ctx.saved_tensors
        return *backward(x, weight, scale, grads[0]), None


def gated_forward(y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """y and gate (T, D), whose rows may lie apart, to (T, D), and 1 / rms of each row (T,)."""
    y, y_row = rows(y)
    gate, gate_row = rows(gate)
    out, scale = y.new_empty(y.shape), y.new_empty(y.shape[0])
    given = (y, y_row, gate, gate_row, weight, eps, out, scale)
    call("gated_rms_norm_forward", *y.shape, *given)
    return out, scale


def gated_backward(
    y: Tensor, gate: Tensor, weight: Tensor, scale: Tensor, d_out: Tensor, d_gate: Tensor
) -> tuple[Tensor, Tensor]:
    """Write d_gate (T, D), whose rows may lie apart; returns the gradients of y and weight."""
    y, y_row = rows(y)
    gate, gate_row = rows(gate)
    d_y, d_weight = y.new_empty(y.shape), y.new_empty(weight.shape)
    given = (y, y_row, gate, gate_row, weight, scale, d_out.contiguous())
    call("gated_rms_norm_backward", *y.shape, *given, d_y, d_gate, d_gate.stride(0), d_weight)
    return d_y, d_weight


class _GatedRMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, scale = gated_forward(y, gate, weight, eps)
        ctx.save_for_backward(y, gate, weight, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        y, gate, weight, scale = ctx.saved_tensors
        d_gate = gate.new_empty(gate.shape)
        d_y, d_weight = gated_backward(y, gate, weight, scale, grads[0], d_gate)
        return d_y, d_gate, d_weight, None


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """As :func:`hnet_seq.ops.norm.naive.rms_norm`; x (T, D)."""
    return _RMSNorm.apply(x, weight.float().contiguous(), float(eps))


def gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
    """As :func:`hnet_seq.ops.norm.naive.gated_rms_norm`; y and gate (T, D)."""
    weight = weight.float().contiguous()
    return _GatedRMSNorm.apply(y, gate.float(), weight, float(eps))
