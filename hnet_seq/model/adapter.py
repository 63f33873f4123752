"""An adapter on disk: what was learned beside a base, which it names by its place and its hash.

``adapter.safetensors`` has A and B of each adapted weight and the head, a few hundred kB;
``adapter.json`` says where the base lies, in one line that may be edited when it has moved. A base
with another hash is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hnet_seq.model.checkpoint import Checkpoint
from hnet_seq.model.locate import ADAPTER, Located, read_json
from hnet_seq.model.low_rank import LowRank, frozen_state, with_low_rank

ADAPTER_FACTS = "adapter.json"
BASE_SHA256 = "base_sha256"  # in the metadata of the adapter's weights too
_ONLY_ONE_TAKES = ("lm_head.weight",)


@dataclass(frozen=True)
class Base:
    """What an adapter stands on.

    Attributes:
        place: a folder, a file, or the name of a model that ships or lies on the hub.
        sha256: of the file of weights.
    """

    place: str
    sha256: str


def base_of(model: nn.Module, checkpoint: Checkpoint) -> Base | None:
    """The checkpoint, if the model's frozen weights are still its; None where they are not."""
    for name, value in frozen_state(model).items():
        stored = checkpoint.weights.get(name)
        if stored is None or not torch.equal(stored.to(value.dtype), value.detach().cpu()):
            return None
    folder = checkpoint.found.folder
    return Base(str(folder.resolve()), _sha256(checkpoint.found.weights))


def facts(base: Base, model: nn.Module) -> dict[str, Any]:
    """What ``adapter.json`` says."""
    parts = {name: part for name, part in model.named_modules() if isinstance(part, LowRank)}
    first = next(iter(parts.values()))
    return {
        "base": base.place,
        BASE_SHA256: base.sha256,
        "rank": len(first.A),
        "scale": first.scale,
        "weights": [name.partition(".parametrizations")[0] for name in parts],
    }


def adapted(
    found: Located, stored: dict[str, Tensor], metadata: dict[str, str], base: Checkpoint
) -> Checkpoint:
    """The base with what was learned beside it.

    Args:
        stored, metadata: of the adapter's file.

    Raises:
        ValueError: the base is another one, or the adapter does not fit it.
    """
    sha256 = _sha256(base.found.weights)
    if sha256 != metadata.get(BASE_SHA256):
        raise ValueError(
            f"{found.weights}: was trained on weights with sha256 "
            f"{metadata.get(BASE_SHA256, 'unknown')[:12]}; those of {base.found.weights} have "
            f"{sha256[:12]}: give its own base, as `base` in {ADAPTER_FACTS}"
        )
    scale = float(read_json(found.folder / ADAPTER_FACTS)["scale"])
    weights = dict(base.weights)
    heads = {name for name in stored if name.startswith("head.")}
    for name in sorted(set(stored) - heads):
        owner, _, part = name.rpartition(".")
        if part not in ("A", "B") or f"{owner}.weight" not in weights:
            raise ValueError(f"{found.weights}: {name} is of no weight of {base.found.weights}")
        if part == "A":
            A, B = stored[name].float(), stored[f"{owner}.B"].float()
            weight = weights[f"{owner}.weight"].float()
            weights[f"{owner}.weight"] = with_low_rank(weight, A, B, scale)
    weights |= {name: stored[name] for name in heads}
    either = frozenset([*heads, *_ONLY_ONE_TAKES])
    return Checkpoint(found, base.config, weights, metadata, base.int8_rows, either)


def base_place(found: Located) -> str:
    """Where ``adapter.json`` says that the base lies.

    Raises:
        ValueError: it does not say; names the file.
    """
    file = found.folder / ADAPTER_FACTS
    place = read_json(file).get("base")
    if not isinstance(place, str) or not place:
        raise ValueError(f"{file}: no `base`, the place of the model that the adapter stands on")
    return place


def missing_base(found: Located, place: str | Path, error: Exception) -> FileNotFoundError:
    """What is said where the base is not where it was."""
    return FileNotFoundError(
        f"{found.weights}: its base {place} is not there; write its place as `base` in "
        f"{found.folder / ADAPTER_FACTS} ({' '.join(str(error).split())[:160]})"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = ["ADAPTER", "ADAPTER_FACTS", "BASE_SHA256", "Base", "adapted", "base_of", "facts"]
