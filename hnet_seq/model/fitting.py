"""Whether stored weights are those that a configuration describes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hnet_seq.model.checkpoint import Checkpoint


def tied_names(model: nn.Module) -> dict[str, str]:
    """Second names of shared parameters, and the first name of each."""
    first: dict[int, str] = {}
    tied = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        owner = first.setdefault(id(parameter), name)
        if owner != name:
            tied[name] = owner
    return tied


def check_fit(
    checkpoint: Checkpoint, expected: Mapping[str, Tensor], tied: Mapping[str, str]
) -> None:
    """Raise ValueError, in one line, unless the stored weights are those of the configuration."""
    found, stored = checkpoint.found, checkpoint.weights
    faults = []
    if missing := sorted(set(expected) - set(stored)):
        faults.append(f"lacks {_some(missing)}")
    if surplus := sorted(set(stored) - set(expected) - set(tied) - checkpoint.either):
        faults.append(f"has {_some(surplus)}, which the configuration does not describe")
    misshapen = [
        f"{name} is {tuple(stored[name].shape)} and should be {tuple(value.shape)}"
        for name, value in expected.items()
        if name in stored and stored[name].shape != value.shape
    ]
    if misshapen:
        faults.append(_some(misshapen))
    if faults:
        raise ValueError(f"{found.weights}: does not fit {found.config}: {'; '.join(faults)}")
    for second, first in tied.items():
        if second in stored and not torch.equal(stored[second], stored[first]):
            remedy = "; set tie_embeddings to false there" if second == "lm_head.weight" else ""
            raise ValueError(
                f"{found.weights}: {second} and {first} differ, but {found.config} ties them"
                f"{remedy}"
            )


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest
