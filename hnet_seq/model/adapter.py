"""An adapter on disk: what was learned beside a base, which it names by its place and its hash.

``adapter.safetensors`` has A and B of each adapted weight and the head, a few hundred kB, and its
metadata all else that decides what is computed; ``adapter.json`` says where the base lies, in one
line that may be edited when it has moved. A base with another hash is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hnet_seq.model.adapter_base import ADAPTER_FACTS, address_of_base
from hnet_seq.model.checkpoint import Checkpoint
from hnet_seq.model.locate import Located
from hnet_seq.model.low_rank import LowRank, frozen_state, ranks_of, with_low_rank
from modalities.file_hash import file_sha256

_BASE_SHA256, _SCALE = "base_sha256", "scale"
_ONLY_ONE_TAKES = ("lm_head.weight",)


@dataclass(frozen=True)
class Base:
    """What an adapter stands on.

    Attributes:
        found: its files.
        sha256: of the file of weights.
    """

    found: Located
    sha256: str


def base_of(model: nn.Module, checkpoint: Checkpoint) -> Base | None:
    """The checkpoint, if the model's frozen weights are still its; None where they are not."""
    for name, value in frozen_state(model).items():
        stored = checkpoint.weights.get(name)
        if stored is None or not torch.equal(stored.to(value.dtype), value.detach().cpu()):
            return None
    return Base(checkpoint.found, file_sha256(checkpoint.found.weights))


def facts(base: Base, model: nn.Module) -> dict[str, Any]:
    """What ``adapter.json`` says."""
    parts = ranks_of(model)
    return {
        **address_of_base(base.found),
        _BASE_SHA256: base.sha256,
        "rank": next(iter(parts.values())),
        "weights": list(parts),
    }


def about(base: Base, model: nn.Module) -> dict[str, str]:
    """What the metadata of the adapter's weights say beside those of the model."""
    first = next(part for part in model.modules() if isinstance(part, LowRank))
    return {_BASE_SHA256: base.sha256, _SCALE: repr(first.scale)}


def adapted(
    found: Located, stored: dict[str, Tensor], metadata: dict[str, str], base: Checkpoint
) -> Checkpoint:
    """The base with what was learned beside it.

    Args:
        stored, metadata: of the adapter's file.

    Raises:
        ValueError: the base is another one, or the adapter does not fit it; names the file.
    """
    sha256 = file_sha256(base.found.weights)
    if sha256 != metadata.get(_BASE_SHA256):
        raise ValueError(
            f"{found.weights}: was trained on weights with sha256 "
            f"{metadata.get(_BASE_SHA256, 'unknown')[:12]}; those of {base.found.weights} have "
            f"{sha256[:12]}: give its own base, as `base` in {ADAPTER_FACTS}"
        )
    # The head of the base is no part of the sum, which has the adapter's.
    weights = {name: value for name, value in base.weights.items() if not _is_of_head(name)}
    scale = _scale(found, metadata)
    for owner, (A, B) in _pairs(found, stored).items():
        name = f"{owner}.weight"
        if name not in weights:
            raise ValueError(f"{found.weights}: {owner} is no weight of {base.found.weights}")
        shape, wanted = tuple(weights[name].shape), (*B.shape[:1], *A.shape[1:])
        if A.dim() != 2 or B.dim() != 2 or B.shape[1] != len(A) or shape != wanted:
            raise ValueError(
                f"{found.weights}: B {tuple(B.shape)} and A {tuple(A.shape)} of {owner} do not "
                f"fit its weight {shape} in {base.found.weights}"
            )
        weights[name] = with_low_rank(weights[name].float(), A.float(), B.float(), scale)
    heads = {name: value for name, value in stored.items() if _is_of_head(name)}
    own = {name: said for name, said in metadata.items() if name not in (_BASE_SHA256, _SCALE)}
    either = frozenset([*heads, *_ONLY_ONE_TAKES])
    return Checkpoint(found, base.config, weights | heads, own, base.int8_rows, either)


def _pairs(found: Located, stored: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """A and B of each owner of an adapted weight."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in sorted(stored.items()):
        if not _is_of_head(name):
            owner, _, part = name.rpartition(".")
            parts.setdefault(owner, {})[part] = value
    for owner, own in parts.items():
        if set(own) != {"A", "B"}:
            raise ValueError(
                f"{found.weights}: has {', '.join(own)} of {owner}; expected A and B of it"
            )
    return {owner: (own["A"], own["B"]) for owner, own in parts.items()}


def _scale(found: Located, metadata: Mapping[str, str]) -> float:
    said = metadata.get(_SCALE)
    try:
        scale = float(str(said))
    except ValueError:
        scale = math.nan
    if not math.isfinite(scale):
        raise ValueError(f"{found.weights}: `{_SCALE}` in its metadata is {said}, no number")
    return scale


def _is_of_head(name: str) -> bool:
    return name.startswith("head.")
