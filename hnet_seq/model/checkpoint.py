"""A checkpoint that was opened, before a module takes it, and whether its weights fit the shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.locate import Located


@dataclass(frozen=True)
class Checkpoint:
    """What lies on disk, before a module takes it.

    Attributes:
        found: the files.
        config: shape of the model.
        weights: on the CPU, mapped from the file, but for those of ``int8_rows``: reading shapes
            costs no memory.
        metadata: what the weights were trained on; for a ``.pt``, known of the released ones.
        int8_rows: names of weights that lie there as :mod:`hnet_seq.model.int8_rows` has it.
        either: names of weights that a language model takes, or one with a head; not both.
    """

    found: Located
    config: HNetConfig
    weights: dict[str, Tensor]
    metadata: dict[str, str]
    int8_rows: frozenset[str] = frozenset()
    either: frozenset[str] = frozenset()


def owned_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict with one name for each tensor: that of a tied matrix's first owner."""
    owners = {name for name, _ in model.named_parameters()}
    owners |= {name for name, _ in model.named_buffers()}
    return {name: value for name, value in model.state_dict().items() if name in owners}


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
        faults.append(f"lacks {some(missing)}")
    if surplus := sorted(set(stored) - set(expected) - set(tied) - checkpoint.either):
        faults.append(f"has {some(surplus)}, which the configuration does not describe")
    misshapen = [
        f"{name} is {tuple(stored[name].shape)} and should be {tuple(value.shape)}"
        for name, value in expected.items()
        if name in stored and stored[name].shape != value.shape
    ]
    if misshapen:
        faults.append(some(misshapen))
    if faults:
        if missing == ["lm_head.weight"]:  # as AutoModel of transformers saves a body
            faults.append("a body alone is no language model; save it with its output matrix")
        raise ValueError(f"{found.weights}: does not fit {found.config}: {'; '.join(faults)}")
    for second, first in tied.items():
        if second in stored and not torch.equal(stored[second], stored[first]):
            remedy = "; set tie_embeddings to false there" if second == "lm_head.weight" else ""
            raise ValueError(
                f"{found.weights}: {second} and {first} differ, but {found.config} ties them"
                f"{remedy}"
            )


def some(names: list[str]) -> str:
    """The first of many names, and how many more there are."""
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest
