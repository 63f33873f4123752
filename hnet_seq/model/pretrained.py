"""Weights on disk: ``model.safetensors`` beside ``config.json``.

The safetensors metadata carries what the weights were trained on (modality, vocabulary, step), so
that ``config.json`` stays the released format.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hnet_seq.model.config import HNetConfig

if TYPE_CHECKING:
    from hnet_seq.model.causal_lm import HNetForCausalLM

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
_METADATA = "hnet_seq"


def save_pretrained(model: HNetForCausalLM, folder: str | Path) -> None:
    """Write the weights and the configuration; the same model gives the same bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in _owned(model).items()}
    partial = folder / f"{WEIGHTS}.partial"
    # One entry: safetensors writes several in an order that changes from run to run.
    metadata = {_METADATA: json.dumps(model.metadata, sort_keys=True)}
    save_file(weights, partial, metadata=metadata)
    os.replace(partial, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(model.config.to_dict(), indent=2) + "\n")


def find_checkpoint(path: str | Path) -> Path:
    """The folder that holds the weights: ``path`` itself, or the last checkpoint of a run.

    Raises:
        FileNotFoundError: there is neither, and what was looked for.
    """
    path = Path(path)
    if (path / WEIGHTS).is_file():
        return path
    checkpoints = sorted((path / "checkpoints").glob("step-*/" + WEIGHTS))
    if checkpoints:
        return checkpoints[-1].parent
    raise FileNotFoundError(
        f"{path}: no {WEIGHTS} and no checkpoints/step-*/{WEIGHTS}; "
        "give a checkpoint folder or a run folder that has saved one"
    )


def load_pretrained(path: str | Path, device: str | torch.device | None = None) -> HNetForCausalLM:
    """Load a checkpoint folder, or the last checkpoint of a run folder, in evaluation mode.

    Args:
        device: a GPU if there is one, else the CPU, when None.

    Raises:
        FileNotFoundError: no weights there.
        ValueError: the files are damaged or do not fit each other; names the file.
    """
    from hnet_seq.model.causal_lm import HNetForCausalLM

    folder = find_checkpoint(path)
    config_file = folder / CONFIG
    try:
        config = HNetConfig.from_dict(json.loads(config_file.read_text()))
    except FileNotFoundError:
        raise FileNotFoundError(f"{config_file}: missing beside {WEIGHTS}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{config_file}: {error}") from error
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        with safe_open(folder / WEIGHTS, "pt", device=str(device)) as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS}: not a readable safetensors file: {error}") from error
    with torch.device("meta"):
        model = HNetForCausalLM(config)
    expected = set(_owned(model))
    if missing := sorted(expected - set(weights)):
        raise ValueError(f"{folder / WEIGHTS}: lacks {_some(missing)} that {CONFIG} describes")
    if extra := sorted(set(weights) - expected - {"lm_head.weight"}):
        raise ValueError(f"{folder / WEIGHTS}: has {_some(extra)} that {CONFIG} does not describe")
    shapes = {name: tuple(value.shape) for name, value in _owned(model).items()}
    for name, shape in shapes.items():
        if tuple(weights[name].shape) != shape:
            raise ValueError(
                f"{folder / WEIGHTS}: {name} is {tuple(weights[name].shape)}, {CONFIG} says {shape}"
            )
    model.to_empty(device=device)
    model.load_state_dict(weights, strict=False)
    if config.tie_embeddings:
        model.lm_head.weight = model.embeddings.weight
    model.metadata = metadata
    return model.eval()


def _owned(model: HNetForCausalLM) -> dict[str, torch.Tensor]:
    """The state dict without the second name of a tied matrix."""
    state = model.state_dict()
    if model.config.tie_embeddings:
        state.pop("lm_head.weight")
    return state


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest
