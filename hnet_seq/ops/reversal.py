"""Packed sequences read from their ends, and operations made symmetric with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, reversal: Tensor) -> Tensor:
        ctx.save_for_backward(reversal)
        return x.index_select(0, reversal)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        # Its own inverse. Autograd does not know that no row is read twice, and would add them up.
        (reversal,) = ctx.saved_tensors
        return _Reverse.apply(grads[0], reversal), None


def reverse(x: Tensor, packing: Packing) -> Tensor:
    """(T, ...) to (T, ...): each sequence from its end; the sequences stay where they are."""
    return _Reverse.apply(x, packing.reversal)


def both_ways(mix: Callable[..., Tensor], packing: Packing, *inputs: Tensor) -> Tensor:
    """The mean of what an operation gives forwards and backwards.

    The same operation reads the reversed sequences and its output is turned back, so that
    reversed inputs give reversed outputs: the same two terms are added.

    Args:
        mix: tensors (T, ...) of sequences packed as ``packing`` says, to (T, ...).
        inputs: what ``mix`` is called with.
    """
    backwards = mix(*(reverse(x, packing) for x in inputs))
    return (mix(*inputs) + reverse(backwards, packing)) / 2
