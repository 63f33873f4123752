# mypy: allow-untyped-defs
"""RMS normalisation, with and without a gate, a row at a time. Imported where there is Triton."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _places(row, stride, columns, COLUMNS: tl.constexpr):
    """Where a row's values lie, in 64 bits."""
    return (tl.zeros((COLUMNS,), tl.int64) + row) * stride + columns


@triton.jit
def _row(
    x_ptr,
    gate_ptr,
    row,
    width,
    x_stride,
    gate_stride,
    columns,
    GATED: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """What is normalised, x or x silu(gate), with x, gate and sigmoid(gate)."""
    mask = columns < width
    x = tl.load(x_ptr + _places(row, x_stride, columns, COLUMNS), mask=mask, other=0.0)
    x = x.to(tl.float32)
    gate = x
    slope = x
    value = x
    if GATED:
        at = _places(row, gate_stride, columns, COLUMNS)
        gate = tl.load(gate_ptr + at, mask=mask, other=0.0).to(tl.float32)
        slope = tl.sigmoid(gate)
        value = x * gate * slope
    return value, x, gate, slope


@triton.jit
def forward(
    x_ptr,
    gate_ptr,
    weight_ptr,
    out_ptr,
    rows,
    width,
    x_stride,
    gate_stride,
    eps,
    GATED: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """out (T, D), contiguous; rows 0, P, 2 P, ... of the first of P programs."""
    columns = tl.arange(0, COLUMNS)
    mask = columns < width
    weight = tl.load(weight_ptr + columns, mask=mask, other=0.0).to(tl.float32)
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        value, _, _, _ = _row(
            x_ptr, gate_ptr, row, width, x_stride, gate_stride, columns, GATED, COLUMNS
        )
        scale = tl.rsqrt(tl.sum(value * value, 0) / width + eps)
        at = _places(row, width, columns, COLUMNS)
        tl.store(out_ptr + at, value * scale * weight, mask=mask)


@triton.jit
def backward(
    dy_ptr,
    x_ptr,
    gate_ptr,
    weight_ptr,
    dx_ptr,
    d_gate_ptr,
    d_weight_ptr,
    rows,
    width,
    x_stride,
    gate_stride,
    eps,
    GATED: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """dx, d_gate (T, D), contiguous, and d_weight (programs, D) to be summed.

    With n = value r: d_value = r (w dy - n mean(n w dy)).
    """
    columns = tl.arange(0, COLUMNS)
    mask = columns < width
    weight = tl.load(weight_ptr + columns, mask=mask, other=0.0).to(tl.float32)
    d_weight = tl.zeros((COLUMNS,), tl.float32)
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        value, x, gate, slope = _row(
            x_ptr, gate_ptr, row, width, x_stride, gate_stride, columns, GATED, COLUMNS
        )
        at = _places(row, width, columns, COLUMNS)
        dy = tl.load(dy_ptr + at, mask=mask, other=0.0).to(tl.float32)
        scale = tl.rsqrt(tl.sum(value * value, 0) / width + eps)
        normed = value * scale
        weighted = weight * dy
        d_weight += dy * normed
        d_value = scale * (weighted - normed * (tl.sum(normed * weighted, 0) / width))
        if GATED:
            tl.store(d_gate_ptr + at, d_value * x * slope * (1 + gate * (1 - slope)), mask=mask)
            d_value = d_value * gate * slope
        tl.store(dx_ptr + at, d_value, mask=mask)
    tl.store(d_weight_ptr + tl.program_id(0) * width + columns, d_weight, mask=mask)
