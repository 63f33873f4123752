"""Muon for matrices (Jordan et al. 2024), with the rates of AdamW (Liu et al. 2025).

A step is the matrix nearest to the momentum all of whose singular values are equal. ``torch``'s own
computes it in bfloat16 on every device; on a CPU that is slower than fp32, and coarser.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from hnet_seq.model.stack import Layer

_MOMENTUM = 0.95
_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the quintic that takes singular values towards 1
_AS_ADAMW = 0.2  # root mean square of an entry of AdamW's steps, in rates
_TINY = 1e-7


def layer_matrices(model: nn.Module) -> set[str]:
    """Names of the weights of linear maps in the layers' mixers and MLPs."""
    return {
        f"{outer}.{inner}.weight"
        for outer, layer in model.named_modules()
        if isinstance(layer, Layer)
        for inner, module in layer.named_modules()
        if isinstance(module, nn.Linear)
    }


@torch.no_grad()
def move(
    matrix: Tensor, gradient: Tensor, state: dict[str, Any], rate: float, decay: float
) -> None:
    """Take a step with one matrix (A, B).

    Args:
        state: gets ``momentum`` and ``step``.
        rate: of AdamW; entries of the step have its usual size.
        decay: of the weights, decoupled.
    """
    if "momentum" not in state:
        state["momentum"] = torch.zeros_like(gradient)
        state["step"] = torch.zeros((), device=matrix.device)
    state["step"] += 1
    momentum = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
    step = orthogonal(gradient.lerp(momentum, _MOMENTUM))
    matrix.mul_(1 - rate * decay)
    matrix.add_(step, alpha=-rate * _AS_ADAMW * math.sqrt(max(matrix.shape)))


def orthogonal(matrix: Tensor) -> Tensor:
    """(A, B) with the same singular vectors, and singular values near 1: 0.7 to 1.2."""
    x = matrix if matrix.device.type == "cpu" else matrix.bfloat16()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / x.norm().clamp(min=_TINY)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + torch.addmm(gram, gram, gram, beta=b, alpha=c) @ x
    return (x if wide else x.T).to(matrix.dtype)
