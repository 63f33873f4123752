"""Operations say themselves what types they compute in: autocast ends at their door."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


def own_types(
    operation: Callable[Concatenate[Tensor, P], Tensor],
) -> Callable[Concatenate[Tensor, P], Tensor]:
    """Run without autocast, which would round the products inside to bf16."""

    @functools.wraps(operation)
    def run(first: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        if not torch.is_autocast_enabled(first.device.type):
            return operation(first, *args, **kwargs)
        with torch.autocast(first.device.type, enabled=False):
            return operation(first, *args, **kwargs)

    return run
