"""RMS normalisation by Triton kernels of our own: each row is read once forward, once backward."""

from __future__ import annotations

from typing import Any, overload

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.optional import floating, launching_on, missing, only_cuda

_PROGRAMS = 1024  # a few for each processor of a large GPU
_WIDEST = 16384  # columns: a row is held in registers


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used."""
    return only_cuda(device) or floating(dtype) or missing("triton", "triton")


class _RMSNorm(torch.autograd.Function):
    """Gated where there is a gate; typed as the gate, else as x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor | None, weight: Tensor, eps: float) -> Tensor:
        from hnet_seq.ops.norm import triton_kernels as kernels

        # A slice of the projection is read where it is.
        x, gate, weight = _with_rows(x), _with_rows(gate), weight.contiguous()
        second = x if gate is None else gate
        out = torch.empty(x.shape, dtype=second.dtype, device=x.device)
        with launching_on(x):
            kernels.forward[_grid(x)](
                x,
                second,
                weight,
                out,
                *x.shape,
                x.stride(0),
                second.stride(0),
                eps,
                **_options(x, gate),
            )
        ctx.eps = eps
        ctx.save_for_backward(x, gate, weight)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hnet_seq.ops.norm import triton_kernels as kernels

        x, gate, weight = ctx.saved_tensors
        second = x if gate is None else gate
        dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        d_gate = None if gate is None else torch.empty(x.shape, dtype=gate.dtype, device=x.device)
        grid = _grid(x)
        d_weight = torch.empty(grid[0], x.shape[1], device=x.device)
        with launching_on(x):
            kernels.backward[grid](
                grads[0].contiguous(),
                x,
                second,
                weight,
                dx,
                dx if d_gate is None else d_gate,
                d_weight,
                *x.shape,
                x.stride(0),
                second.stride(0),
                ctx.eps,
                **_options(x, gate),
            )
        return dx, d_gate, d_weight.sum(0).to(weight.dtype), None


@overload
def _with_rows(x: Tensor) -> Tensor: ...
@overload
def _with_rows(x: None) -> None: ...
def _with_rows(x: Tensor | None) -> Tensor | None:
    """Values of a row side by side; a copy only where they are not."""
    return x if x is None or x.stride(1) == 1 else x.contiguous()


def _grid(x: Tensor) -> tuple[int]:
    return (max(1, min(x.shape[0], _PROGRAMS)),)


def _options(x: Tensor, gate: Tensor | None) -> dict[str, Any]:
    columns = 1 << max(4, (x.shape[1] - 1).bit_length())
    warps = min(16, max(1, columns // 256))
    return {"GATED": gate is not None, "COLUMNS": columns, "num_warps": warps}


def _fits(width: int) -> None:
    if width > _WIDEST:
        raise ValueError(
            f"the Triton norm holds rows of up to {_WIDEST}; got {width}. "
            "Set HNET_SEQ_BACKEND=rms_norm=torch,gated_rms_norm=torch"
        )


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """As :func:`hnet_seq.ops.norm.naive.rms_norm`; x (T, D), and the result typed as it.

    Raises:
        ValueError: the rows are too wide.
    """
    _fits(x.shape[1])
    return _RMSNorm.apply(x, None, weight, eps)


def gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
    """As :func:`hnet_seq.ops.norm.naive.gated_rms_norm`; (T, D), the result typed as the gate.

    Raises:
        ValueError: the rows are too wide.
    """
    _fits(y.shape[1])
    return _RMSNorm.apply(y, gate, weight, eps)
