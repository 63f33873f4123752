"""The router's cosine without normalised copies, forward and back (CPU, fp32)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.native import call, rows

_EPS = 1e-8  # the least length, as in torch.nn.functional.cosine_similarity


class _NeighbourCosine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor) -> Tensor:
        q, q_row = rows(q)
        k, k_row = rows(k)
        total = q.shape[0]
        cosine = q.new_empty(max(total - 1, 0))
        results = (cosine, q.new_empty(total), q.new_empty(total))
        call("neighbour_cosine_forward", *q.shape, q, q_row, k, k_row, _EPS, *results)
        ctx.save_for_backward(q, k, *results)
        return cosine

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        q, k, *results = ctx.saved_tensors
        d_q, d_k = q.new_empty(q.shape), k.new_empty(k.shape)
        given = (q, q.stride(0), k, k.stride(0), *results, grads[0].contiguous())
        call("neighbour_cosine_backward", *q.shape, *given, d_q, d_k)
        return d_q, d_k


def neighbour_cosine(q: Tensor, k: Tensor) -> Tensor:
    """As :func:`hnet_seq.ops.neighbour_cosine.naive.neighbour_cosine`."""
    return _NeighbourCosine.apply(q, k.float())
