# mypy: allow-untyped-defs
"""The smoothing as a scan of each sequence, some columns a program. Imported where there is Triton.

Inside a tile of chunks the recurrence y_k = a_k y_{k-1} + b_k is an associative scan of pairs
(a, b); from tile to tile the last row is carried. All in fp32.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _then(a_first, b_first, a_second, b_second):
    return a_first * a_second, a_second * b_first + b_second


@triton.jit
def forward(z_ptr, p_ptr, y_ptr, bounds_ptr, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """y (K, D) of z (K, D) and p (K,); one sequence and COLUMNS columns a program."""
    start = tl.load(bounds_ptr + tl.program_id(0))
    stop = tl.load(bounds_ptr + tl.program_id(0) + 1)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    tile = tl.arange(0, ROWS)
    carry = tl.zeros((COLUMNS,), tl.float32)
    for first in range(start, stop, ROWS):
        rows = first + tile
        # Rows past the end have a = 1 and b = 0: they pass the last average on.
        p = tl.load(p_ptr + rows, mask=rows < stop, other=0.0)
        mask = (rows < stop)[:, None] & (columns < width)[None, :]
        at = rows.to(tl.int64)[:, None] * width + columns[None, :]
        z = tl.load(z_ptr + at, mask=mask, other=0.0).to(tl.float32)
        stay = tl.broadcast_to((1 - p)[:, None], (ROWS, COLUMNS))
        reach, y = tl.associative_scan((stay, p[:, None] * z), 0, _then)
        y += reach * carry[None, :]
        tl.store(y_ptr + at, y, mask=mask)
        carry = tl.sum(tl.where((tile == ROWS - 1)[:, None], y, 0.0), 0)


@triton.jit
def backward(
    dy_ptr,
    z_ptr,
    p_ptr,
    y_ptr,
    dz_ptr,
    dp_ptr,
    bounds_ptr,
    width,
    total,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """dz (K, D), and dp (programs of a row, K) to be summed; from each sequence's end.

    g_k = dy_k + a_{k+1} g_{k+1};  dz_k = p_k g_k;  dp_k = <g_k, z_k - y_{k-1}>.
    """
    start = tl.load(bounds_ptr + tl.program_id(0))
    stop = tl.load(bounds_ptr + tl.program_id(0) + 1)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    dp_ptr += tl.program_id(1).to(tl.int64) * total
    tile = tl.arange(0, ROWS)
    carry = tl.zeros((COLUMNS,), tl.float32)
    for done in range(0, stop - start, ROWS):
        rows = stop - 1 - done - tile
        valid = rows >= start
        p = tl.load(p_ptr + rows, mask=valid, other=0.0)
        p_next = tl.load(p_ptr + rows + 1, mask=valid & (rows + 1 < stop), other=0.0)
        mask = valid[:, None] & (columns < width)[None, :]
        at = rows.to(tl.int64)[:, None] * width + columns[None, :]
        dy = tl.load(dy_ptr + at, mask=mask, other=0.0)
        stay = tl.broadcast_to((1 - p_next)[:, None], (ROWS, COLUMNS))
        reach, g = tl.associative_scan((stay, dy), 0, _then)
        g += reach * carry[None, :]
        carry = tl.sum(tl.where((tile == ROWS - 1)[:, None], g, 0.0), 0)
        z = tl.load(z_ptr + at, mask=mask, other=0.0).to(tl.float32)
        before = tl.load(y_ptr + at - width, mask=mask & (rows > start)[:, None], other=0.0)
        tl.store(dz_ptr + at, p[:, None] * g, mask=mask)
        tl.store(dp_ptr + rows, tl.sum(g * (z - before), 1), mask=valid)
