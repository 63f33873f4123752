"""The untrained twin of a checkpoint: the same shape, with the weights that training began with.

What a model scores above its twin is what pretraining is worth: networks with random weights are
good features already. A run keeps the seed of its first weights in the checkpoint's metadata, and
the twin is drawn from it again; of an older run the configuration beside it says the seed. Other
checkpoints (released files) have a twin of seed 0 whose residual projections are zero, as
published. Tables of n-grams are empty. Where chunks begin by a rule that was fitted to data, the
twin has the same rule: it is no weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml
from torch import nn

from hnet_seq.model.checkpoint import Checkpoint, owned_state
from hnet_seq.model.initialization import ResidualInit

#: In the metadata of a twin: what it was drawn with.
TWIN = "twin"
_SEED, _RESIDUAL = "seed", "residual_proj"
_RULE = ".boundary_tables."


def begun_with(seed: int, residual_proj: ResidualInit) -> dict[str, str]:
    """What a run keeps of its first weights, in the metadata of its checkpoints."""
    return {_SEED: f"{seed}", _RESIDUAL: residual_proj}


def untrained(checkpoint: Checkpoint, build: Callable[..., nn.Module]) -> Checkpoint:
    """The twin: only the shape of the checkpoint's weights matters.

    Args:
        build: a language model from a configuration, a seed and ``residual_proj``.

    Raises:
        ValueError: the metadata do not say a seed that can be drawn from.
    """
    known = {**_of_run(checkpoint.found.folder), **checkpoint.metadata}
    seed = known.get(_SEED, "0")
    if not seed.isdecimal():
        raise ValueError(f"{checkpoint.found.weights}: the seed of the run is {seed!r}, no number")
    residual: ResidualInit = "identity" if known.get(_RESIDUAL) == "identity" else "zero"
    model = build(checkpoint.config, seed=int(seed), residual_proj=residual)
    said = f"seed {seed}, {_RESIDUAL} {residual}"
    rule = {name: value for name, value in checkpoint.weights.items() if _RULE in name}
    weights = {**owned_state(model), **rule}
    return replace(checkpoint, weights=weights, metadata={**known, TWIN: said})


def _of_run(folder: Path) -> dict[str, str]:
    """What the configuration of a run says of its first weights; nothing where they were given."""
    file = folder.parent.parent / "config.yaml"
    if folder.parent.name != "checkpoints" or not file.is_file():
        return {}
    try:
        values = yaml.safe_load(file.read_text())
        train = values["train"]
        return {} if train.get("init") else begun_with(values["seed"], train["residual_proj"])
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}
