"""What the processes of a run tell each other; one process is its own sum.

Every process must call these, in the same order.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def world_size() -> int:
    """Processes in the group; 1 where none was initialised."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


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


def agreed(value: T) -> T:
    """The first process's value, for all; a small one that can be pickled."""
    if world_size() == 1:
        return value
    values: list[Any] = [value]
    dist.broadcast_object_list(values, src=0)
    agreed_value: T = values[0]
    return agreed_value


def on_first(action: Callable[[], T]) -> T:
    """What ``action`` returns in the first process, for all; the others wait.

    Raises:
        Exception: what it raised there, in every process: none is left waiting.
    """
    if world_size() == 1:
        return action()
    result: T | None = None
    error: Exception | None = None
    if is_first():
        try:
            result = action()
        except Exception as raised:
            error = raised
    told = agreed((result, _told(error)))
    if error is not None:
        raise error
    if told[1] is not None:
        raise told[1]
    return told[0]  # type: ignore[return-value]


def raised_together(error: Exception | None) -> None:
    """Raise the error of the first process that has one, in every process; all take part."""
    errors = [_told(error)]
    if world_size() > 1:
        errors = [None] * world_size()
        dist.all_gather_object(errors, _told(error))
    for found in errors:
        if found is not None:
            raise found


@contextmanager
def together() -> Iterator[None]:
    """What one process raises in here is raised in every process at the end; all take part.

    Processes tell each other nothing in here, or only what fails in all of them.
    """
    error: Exception | None = None
    try:
        yield
    except Exception as raised:
        error = raised
    raised_together(error)


def _told(error: Exception | None) -> Exception | None:
    """An error as it can be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(str(error))
    return error
