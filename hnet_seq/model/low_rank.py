"""Low-rank adaptation (Hu et al. 2021, LoRA): W + s B A, where only A and B learn.

It is a parametrisation of the weight, so whatever reads ``weight``, a kernel too, reads the sum.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hnet_seq.model.checkpoint import owned_state
from hnet_seq.model.low_rank_targets import TARGETS, check_targets
from modalities.errors import UsageError

SCALE = 2.0  # alpha is twice the rank
_PART = ".parametrizations.weight."
_ORIGINAL = f"{_PART}original"


class LowRank(nn.Module):
    """What is added to a weight (N, D): ``scale`` times B (N, r) A (r, D); nothing at first."""

    def __init__(self, weight: Tensor, rank: int, scale: float, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        drawn = torch.empty(rank, columns).normal_(std=columns**-0.5, generator=generator)
        self.A = nn.Parameter(drawn.to(weight.device))
        self.B = nn.Parameter(weight.new_zeros(rows, rank, dtype=torch.float32))
        self.scale = scale

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return with_low_rank(weight, self.A, self.B, self.scale)


def with_low_rank(weight: Tensor, A: Tensor, B: Tensor, scale: float) -> Tensor:
    """(N, D) W + scale B A, in the type of W."""
    return weight + ((B @ A) * scale).to(weight.dtype)


def add_low_rank(model: nn.Module, rank: int, targets: Sequence[str], seed: int) -> list[str]:
    """Adapt the linear maps that are meant; gives their names.

    Args:
        model: with a ``backbone``.
        seed: of the first A.

    Raises:
        UsageError: no such target, or the model has nothing that is meant.
    """
    generator = torch.Generator().manual_seed(seed)
    found = list(wanted_ranks(model, rank, targets))
    for name in found:
        linear = model.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        part = LowRank(linear.weight, rank, SCALE, generator)
        parametrize.register_parametrization(linear, "weight", part)
    return found


def wanted_ranks(model: nn.Module, rank: int, targets: Sequence[str]) -> dict[str, int]:
    """The rank by the names of the linear maps that are meant; errors of :func:`add_low_rank`."""
    check_targets(rank, targets)
    modules = model.named_modules()
    found = {name: rank for name, module in modules if _is_meant(name, module, model, targets)}
    if not found:
        raise UsageError("lora_targets", f"are {','.join(targets)}; the model has none of these")
    return found


def ranks_of(model: nn.Module) -> dict[str, int]:
    """The rank of each adapter by the name of the linear map that it adapts."""
    return {
        name.partition(".parametrizations")[0]: len(module.A)
        for name, module in model.named_modules()
        if isinstance(module, LowRank)
    }


def _is_meant(name: str, module: nn.Module, model: nn.Module, targets: Collection[str]) -> bool:
    if not isinstance(module, nn.Linear) or not name.startswith("backbone."):
        return False
    owner, _, leaf = name.rpartition(".")
    # Both mixers have an out_proj.
    other = "attention" if hasattr(model.get_submodule(owner), "in_proj") else "mamba2"
    return any(leaf in TARGETS[target] and target != other for target in targets)


def merge_low_rank(model: nn.Module) -> None:
    """Make each sum the weight, as a model without adapters has it."""
    for module in model.modules():
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def low_rank_names(model: nn.Module) -> set[str]:
    """Names of the parameters A and B."""
    return {
        f"{name}.{part}"
        for name, module in model.named_modules()
        if isinstance(module, LowRank)
        for part in ("A", "B")
    }


def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """The owned state with each sum under the name of its weight, as a model without adapters."""
    found: dict[str, Tensor] = {}
    for name, value in owned_state(model).items():
        if name.endswith(_ORIGINAL):
            owner = name.removesuffix(_ORIGINAL)
            linear = model.get_submodule(owner)
            assert isinstance(linear, nn.Linear)
            found[f"{owner}.weight"] = linear.weight.detach()
        elif _PART not in name:
            found[name] = value
    return found


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """A and B under ``NAME.A`` and ``NAME.B`` of each weight's owner, and all of the head."""
    found: dict[str, Tensor] = {}
    for name, value in owned_state(model).items():
        if name.startswith("head."):
            found[name] = value
        elif _PART in name and not name.endswith(_ORIGINAL):
            owner, _, rest = name.partition(_PART)
            found[f"{owner}.{rest.rpartition('.')[2]}"] = value
    return found


def frozen_state(model: nn.Module) -> dict[str, Tensor]:
    """The weights beneath the adapters, under the names that they have without."""
    return {
        name.replace(_ORIGINAL, ".weight"): value
        for name, value in owned_state(model).items()
        if not name.startswith("head.") and (_PART not in name or name.endswith(_ORIGINAL))
    }
