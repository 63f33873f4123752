"""The Mamba-2 scan with every intermediate in the cache, forward and back (CPU, fp32)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.native import call, rows
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.ssd import blocked, continued

BLOCK = 64  # tokens, as in the kernel
MULTIPLE = 16  # of widths, for the widest vectors


def fits(head_width: int, state_width: int) -> bool:
    """The kernel takes these widths."""
    return head_width % MULTIPLE == 0 and state_width % MULTIPLE == 0


def _span() -> int:
    """Blocks done side by side: enough for all threads, few enough for the cache."""
    return max(16, 4 * torch.get_num_threads())


def forward(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, packing: Packing
) -> tuple[Tensor, Tensor]:
    """As the naive definition; and the states that enter each block (blocks + 1, H, N, P).

    B and C lie in one matrix or are equally far apart.
    """
    T, H, P = x.shape
    N = B.shape[1]
    y = x.new_empty(T, H, P)
    states = x.new_empty(-(-T // BLOCK) + 1, H, N, P)
    states[0] = 0
    inputs = _inputs(x, dt, A, B, C, D, packing.place)
    call("ssd_forward", T, H, P, N, *inputs, y, H * P, states, _span())
    return y, states


def backward(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    packing: Packing,
    states: Tensor,
    d_y: Tensor,
    d_x: Tensor,
    d_B: Tensor,
    d_C: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Write d_x, d_B and d_C, whose rows may lie apart; returns the gradients of dt, A and D."""
    T, H, P = x.shape
    N = B.shape[1]
    assert d_B.stride(0) == d_C.stride(0)
    d_y, d_y_row = rows(d_y)
    d_dt, d_A, d_D = x.new_empty(T, H), x.new_empty(H), x.new_empty(H)
    span = min(_span(), states.shape[0] - 1)
    d_states = x.new_empty(span + 1, H, N, P)
    inputs = _inputs(x, dt, A, B, C, D, packing.place)
    outputs = (d_x, d_x.stride(0), d_dt, d_A, d_B, d_C, d_B.stride(0), d_D)
    call("ssd_backward", T, H, P, N, *inputs, states, d_y, d_y_row, *outputs, span, d_states)
    return d_dt, d_A, d_D


def segments(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    packing: Packing,
    entering: Tensor,
) -> tuple[Tensor, Tensor]:
    """Sequences that go on, one after the other: y (T, H, P), and the states after each.

    Args:
        entering: (S, N, H, P) the states before each sequence.
    """
    T, H, P = x.shape
    N = B.shape[1]
    if not fits(P, N):
        return continued.segments(x, dt, A, B, C, D, packing, entering)
    y, leaving = x.new_empty(T, H, P), torch.empty_like(entering)
    start = 0
    for sequence, length in enumerate(packing.lengths):
        own = slice(start, start + length)
        states = x.new_empty(-(-length // BLOCK) + 1, H, N, P)
        states[0] = entering[sequence].transpose(0, 1)
        # As if a block of this sequence were before: the state reaches all tokens of the first.
        place = torch.arange(BLOCK, BLOCK + length, dtype=torch.int32)
        inputs = _inputs(x[own], dt[own], A, B[own], C[own], D, place)
        call("ssd_forward", length, H, P, N, *inputs, y[own], H * P, states, _span())
        leaving[sequence] = states[-1].transpose(0, 1)
        start += length
    return y, leaving


def _inputs(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, place: Tensor
) -> tuple[Any, ...]:
    x, x_row = rows(x)
    B, B_row = rows(B)
    C, C_row = rows(C)
    if B_row != C_row:
        B, C = B.contiguous(), C.contiguous()
        B_row = B.stride(0)
    return x, x_row, dt.contiguous(), A.contiguous(), B, C, B_row, D.contiguous(), place


class _SSD(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        y, states = forward(*inputs)
        ctx.packing = inputs[-1]
        ctx.save_for_backward(*inputs[:-1], states)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, dt, A, B, C, D, states = ctx.saved_tensors
        d_x, d_B, d_C = x.new_empty(x.shape), x.new_empty(B.shape), x.new_empty(C.shape)
        d_dt, d_A, d_D = backward(x, dt, A, B, C, D, ctx.packing, states, grads[0], d_x, d_B, d_C)
        return d_x, d_dt, d_A, d_B, d_C, d_D, None


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, packing: Packing
) -> Tensor:
    """As :func:`hnet_seq.ops.ssd.naive.ssd`."""
    if not fits(x.shape[2], B.shape[1]):
        return blocked.ssd(x, dt, A, B, C, D, packing)
    dt, A, B, C, D = (t.float() for t in (dt, A, B, C, D))
    return _SSD.apply(x, dt, A, B, C, D, packing)
