"""Which weights are fine-tuned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.model.low_rank import low_rank_names
from hnet_seq.train.finetune_config import Part
from hnet_seq.train.optimizer import HEAD, parameter_groups
from modalities.errors import UsageError


def trainable_names(model: HNetWithHead, part: Part, *, adapted: bool = False) -> set[str]:
    """Names of the parameters that ``part`` trains.

    Args:
        part: ``all``; ``head`` only; ``inner``, the head and the innermost network; or n, the head
            and the n innermost stages, of which an H-Net of S levels of chunking has S + 1. The
            embedding belongs to the outermost.
        adapted: of the H-Net only what :meth:`HNetWithHead.adapt` added.

    Raises:
        UsageError: no such part.
    """
    stages = model.num_stages + 1
    if part == "all":
        depth = stages
    elif part == "head":
        depth = 0
    elif part == "inner":
        depth = 1
    elif isinstance(part, int) and 1 <= part <= stages:
        depth = part
    else:
        raise UsageError(
            "part", f"is {part!r}; expected all, head, inner, or 1 to {stages} innermost stages"
        )
    added = low_rank_names(model) if adapted else None
    return {
        name
        for (stage, _), names in parameter_groups(model).items()
        for name in names
        if name.startswith(HEAD) or (stage >= stages - depth and (added is None or name in added))
    }


@contextmanager
def only_trainable(model: HNetWithHead, names: set[str]) -> Iterator[None]:
    """Every other parameter without gradient inside the block, and as it was afterwards."""
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    try:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in names)
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])
