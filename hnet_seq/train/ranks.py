"""Sums over the processes of a run; one process is its own sum."""

from __future__ import annotations

import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Processes in the group; 1 where none was initialised."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def summed_over_ranks(values: Tensor) -> Tensor:
    """The sum of a small tensor over all processes; no gradient.

    Every process must call it, with tensors of one shape.
    """
    if world_size() == 1:
        return values.detach()
    # NCCL only sums what lies on a GPU.
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    total = values.detach().to(device, copy=True)
    dist.all_reduce(total)
    return total.to(values.device)
