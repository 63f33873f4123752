# mypy: allow-untyped-defs
"""Depthwise causal convolution with SiLU over packed sequences. Imported where there is Triton."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _lagged(x_ptr, ids_ptr, rows, own, lag, total, stride, columns, channels):
    """x of the tokens ``lag`` before (after, if negative), zero where that is another sequence."""
    there = rows - lag
    known = (there >= 0) & (there < total)
    ids = tl.load(ids_ptr + there, mask=known, other=-1)
    mask = (known & (ids == own))[:, None] & (columns < channels)[None, :]
    at = there.to(tl.int64)[:, None] * stride + columns[None, :]
    return tl.load(x_ptr + at, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _linear(
    x_ptr,
    weight_ptr,
    bias_ptr,
    ids_ptr,
    rows,
    own,
    total,
    stride,
    columns,
    channels,
    TAPS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The convolution before SiLU; weight (C, TAPS), the newest token last."""
    inside = columns < channels
    bias = tl.load(bias_ptr + columns, mask=inside, other=0.0).to(tl.float32)
    u = tl.zeros((ROWS, COLUMNS), tl.float32) + bias[None, :]
    for lag in tl.static_range(TAPS):
        tap = tl.load(weight_ptr + columns * TAPS + (TAPS - 1 - lag), mask=inside, other=0.0)
        x = _lagged(x_ptr, ids_ptr, rows, own, lag, total, stride, columns, channels)
        u += tap.to(tl.float32)[None, :] * x
    return u


@triton.jit
def forward(
    x_ptr,
    weight_ptr,
    bias_ptr,
    ids_ptr,
    out_ptr,
    total,
    stride,
    channels,
    TAPS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """out (T, C), contiguous; x (T, C) with rows ``stride`` apart."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    own = tl.load(ids_ptr + rows, mask=rows < total, other=-2)
    u = _linear(
        x_ptr,
        weight_ptr,
        bias_ptr,
        ids_ptr,
        rows,
        own,
        total,
        stride,
        columns,
        channels,
        TAPS,
        ROWS,
        COLUMNS,
    )
    mask = (rows < total)[:, None] & (columns < channels)[None, :]
    at = rows.to(tl.int64)[:, None] * channels + columns[None, :]
    tl.store(out_ptr + at, u * tl.sigmoid(u), mask=mask)


@triton.jit
def backward_linear(
    dy_ptr,
    x_ptr,
    weight_ptr,
    bias_ptr,
    ids_ptr,
    du_ptr,
    d_taps_ptr,
    total,
    stride,
    channels,
    TAPS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """du (T, C) fp32 before SiLU, and each tile's d_taps (tiles, TAPS + 1, C), the bias last."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = columns < channels
    own = tl.load(ids_ptr + rows, mask=rows < total, other=-2)
    u = _linear(
        x_ptr,
        weight_ptr,
        bias_ptr,
        ids_ptr,
        rows,
        own,
        total,
        stride,
        columns,
        channels,
        TAPS,
        ROWS,
        COLUMNS,
    )
    mask = (rows < total)[:, None] & inside[None, :]
    at = rows.to(tl.int64)[:, None] * channels + columns[None, :]
    dy = tl.load(dy_ptr + at, mask=mask, other=0.0).to(tl.float32)
    slope = tl.sigmoid(u)
    du = dy * slope * (1 + u * (1 - slope))
    tl.store(du_ptr + at, du, mask=mask)
    d_taps_ptr += tl.program_id(0).to(tl.int64) * (TAPS + 1) * channels + columns
    for lag in tl.static_range(TAPS):
        x = _lagged(x_ptr, ids_ptr, rows, own, lag, total, stride, columns, channels)
        tl.store(d_taps_ptr + (TAPS - 1 - lag) * channels, tl.sum(du * x, 0), mask=inside)
    tl.store(d_taps_ptr + TAPS * channels, tl.sum(du, 0), mask=inside)


@triton.jit
def backward_input(
    du_ptr,
    weight_ptr,
    ids_ptr,
    dx_ptr,
    total,
    channels,
    TAPS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """dx (T, C): each token's share in its own output and those of the tokens behind it."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = columns < channels
    own = tl.load(ids_ptr + rows, mask=rows < total, other=-2)
    dx = tl.zeros((ROWS, COLUMNS), tl.float32)
    for lag in tl.static_range(TAPS):
        tap = tl.load(weight_ptr + columns * TAPS + (TAPS - 1 - lag), mask=inside, other=0.0)
        du = _lagged(du_ptr, ids_ptr, rows, own, -lag, total, channels, columns, channels)
        dx += tap.to(tl.float32)[None, :] * du
    mask = (rows < total)[:, None] & inside[None, :]
    tl.store(dx_ptr + rows.to(tl.int64)[:, None] * channels + columns[None, :], dx, mask=mask)
