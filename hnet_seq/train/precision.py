"""What a forward pass computes in: fp32, or bf16 where rounding does no harm.

With bf16 the weights, the optimiser, the residual stream, the router, the smoothing, the output
head and the loss stay in fp32; the linear maps of the mixers and MLPs, attention and the scan's
inputs are rounded. bf16 has the range of fp32, so losses need no scaling.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from modalities.errors import UsageError

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Item = TypeVar("Item")


def computing_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context of a forward pass; the backward pass belongs outside.

    Args:
        precision: one of ``PRECISIONS``.
        device: where the model is.

    Raises:
        UsageError: there is no such precision, or the GPU has no bf16.
    """
    if precision not in PRECISIONS:
        raise UsageError("precision", f"is {precision!r}; expected {' or '.join(PRECISIONS)}")
    if precision == "fp32":
        return nullcontext()
    import torch  # here: the names are known without it

    # Older GPUs emulate it, slower than fp32.
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0):
        name = torch.cuda.get_device_name(device)
        raise UsageError("precision", f"is bf16, which {name} does not have; use fp32")
    return torch.autocast(device.type, dtype=torch.bfloat16)


def computed_in(precision: str, device: torch.device, items: Iterator[Item]) -> Iterator[Item]:
    """``items``, each computed under :func:`computing_in`, which ends before it is given out."""
    while True:
        with computing_in(precision, device):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item
