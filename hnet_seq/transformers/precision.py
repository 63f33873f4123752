"""Weights in 16 bits, as other people load them, compute as training in bf16 does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def in_precision_of_weights(forward: Callable[..., Any]) -> Callable[..., Any]:
    """``forward`` of a model under autocast to its weights' type, where that has 16 bits.

    The norms, the router and the residual path then compute in fp32, as the definition has them:
    the layers are made for no other arithmetic. An autocast that is there already is left.
    """

    @functools.wraps(forward)
    def run(self: Any, *args: Any, **options: Any) -> Any:
        weight = self.embeddings.weight
        kind, device = weight.dtype, weight.device.type
        short = kind in (torch.bfloat16, torch.float16)
        if not short or torch.is_autocast_enabled(device):
            return forward(self, *args, **options)
        with torch.autocast(device, dtype=kind):
            return forward(self, *args, **options)

    return run
