"""Which weights are fine-tuned, and at which rates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hnet_seq.config import OptimizerConfig
from hnet_seq.heads.base import HNetWithHead
from hnet_seq.train.finetune_config import Part
from hnet_seq.train.optimizer import parameter_groups
from modalities.errors import UsageError

_HEAD = "head."


def trainable_names(model: HNetWithHead, part: Part) -> set[str]:
    """Names of the parameters that ``part`` trains.

    Args:
        part: ``all``; ``head`` only; ``inner``, the head and the innermost network; or n, the head
            and the n innermost stages, of which an H-Net of S levels of chunking has S + 1. The
            embedding belongs to the outermost.

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
    return {
        name
        for (stage, _), names in parameter_groups(model).items()
        for name in names
        if name.startswith(_HEAD) or stage >= stages - depth
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


def build_optimizer(
    model: HNetWithHead,
    names: set[str],
    config: OptimizerConfig,
    head_rate: float,
    multipliers: list[float],
) -> torch.optim.AdamW:
    """AdamW over the named parameters; each group's ``peak`` is its rate before the schedule.

    Args:
        head_rate: of the head, whatever the stages' rates are.
        multipliers: of ``config.learning_rate``, for each stage from the outside in.
    """
    parameters = dict(model.named_parameters())
    groups = []
    for (stage, decayed), members in parameter_groups(model).items():
        head = [name for name in members if name.startswith(_HEAD)]
        body = [name for name in members if name in names and name not in head]
        for peak, chosen in ((config.learning_rate * multipliers[stage], body), (head_rate, head)):
            if chosen:
                groups.append(
                    {
                        "params": [parameters[name] for name in chosen],
                        "lr": peak,
                        "peak": peak,
                        "weight_decay": config.weight_decay if decayed else 0.0,
                    }
                )
    return torch.optim.AdamW(groups, betas=(config.betas[0], config.betas[1]), fused=True)
