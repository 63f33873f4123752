"""Weights and optimiser state that are parts in each process: whole, on disk, and back.

The state of AdamW is named after its parameters, so that it fits any number of processes.
``torch.distributed.checkpoint`` writes a file for each process and reads any part from all of them,
also where there is no process group.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.tensor import DTensor, distribute_tensor

from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.train.averaging import AVERAGE
from hnet_seq.train.ranks import is_first, rank, world_size
from hnet_seq.train.tables import tables
from modalities.errors import InputError

FOLDER = "optimizer"


def whole_model(model: HNetLanguageModel) -> HNetLanguageModel | None:
    """The model with whole weights on the host, in the first process; all take part."""
    weights = {}
    for name, parameter in [*model.named_parameters(), *model.named_buffers()]:
        value = _whole(parameter.detach())
        if is_first():
            weights[name] = value.to("cpu", copy=True)  # the next step changes it in place
    if not is_first():
        return None
    with torch.device("meta"):
        whole = type(model)(model.config)
    whole.load_state_dict(weights, strict=False, assign=True)
    if model.config.tie_embeddings:
        whole.lm_head.weight = whole.embeddings.weight
    assert not any(value.is_meta for value in whole.state_dict().values())
    whole.metadata = dict(model.metadata)
    return whole


def whole_gradients(model: HNetLanguageModel) -> dict[str, Tensor]:
    """By name, those that there are; all take part."""
    return {
        name: _whole(parameter.grad)
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def optimizer_tensors(model: HNetLanguageModel, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What the optimiser keeps of each parameter, by name; parts of them in each process."""
    return {
        f"{moment}.{name}": value
        for name, parameter in model.named_parameters()
        for moment, value in optimizer.state.get(parameter, {}).items()
        if moment != "step"
    }


def optimizer_steps(model: HNetLanguageModel, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """How often AdamW has changed each parameter, by name."""
    return {
        name: float(optimizer.state[parameter]["step"])
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
    }


def save_parts(folder: Path, tensors: dict[str, Any]) -> None:
    """Write this process's parts of named tensors; all take part, and come back together."""
    with plain_errors(folder):
        dcp.save(tensors, checkpoint_id=folder)


def own_files(folder: Path) -> list[Path]:
    """What this process has written of a folder of parts."""
    return [*folder.glob(f"__{rank()}_*"), *(folder.glob(".metadata") if is_first() else [])]


@contextmanager
def plain_errors(folder: Path) -> Iterator[None]:
    """Errors of torch's checkpoints in one line.

    Raises:
        OSError: what the system said, where torch raises a CheckpointException, which is no
            Exception and holds a traceback of each process.
        InputError: anything else that is in one; names ``folder``.
    """
    try:
        yield
    except CheckpointException as error:
        own = next(iter(error.failures.values()))[0]
        if isinstance(own, OSError):
            raise own from None
        text = " ".join(str(own).split())[:200]
        raise InputError(folder, f"{type(own).__name__}: {text}") from own


def load_parts(
    folder: Path,
    model: HNetLanguageModel,
    optimizer: torch.optim.Optimizer,
    steps: dict[str, float],
    averaged: bool = False,
) -> None:
    """Read AdamW's state into an optimiser, in however many processes and parts there are now.

    Args:
        steps: as :func:`optimizer_steps` gave.
        averaged: with the weights' average.

    Raises:
        InputError: a part is missing or damaged.
    """
    parameters = {n: p for n, p in model.named_parameters() if n in steps}
    tensors = {
        f"{moment}.{name}": value
        for name, parameter in parameters.items()
        for moment, value in _moments(name, parameter, model, averaged).items()
    }
    with warnings.catch_warnings(), plain_errors(folder):
        # It says that there is one process, which is known.
        warnings.filterwarnings("ignore", message="torch.distributed is", category=UserWarning)
        dcp.load(tensors, checkpoint_id=folder, no_dist=world_size() == 1)
    for name, parameter in parameters.items():
        kept = _moments(name, parameter, model, averaged)
        moments = {moment: tensors[f"{moment}.{name}"] for moment in kept}
        _set(optimizer, parameter, steps[name], moments)


def load_whole(
    state: dict[str, Any], model: HNetLanguageModel, optimizer: torch.optim.Optimizer
) -> None:
    """Take the parts of what an optimiser's ``state_dict`` holds whole."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, own in state["state"].items():
        parameter = parameters[number]
        moments = {name: _part(own[name], parameter) for name in own.keys() - {"step"}}
        _set(optimizer, parameter, float(own["step"]), moments)


def _moments(
    name: str, parameter: Tensor, model: HNetLanguageModel, averaged: bool
) -> dict[str, Tensor]:
    """Zeros in the shape of what the optimiser keeps of a parameter."""
    if name in tables(model):
        return {"sum": parameter.new_zeros(len(parameter))}
    names = ("exp_avg", "exp_avg_sq", *([AVERAGE] if averaged else []))
    return {moment: torch.zeros_like(parameter) for moment in names}


def _set(
    optimizer: torch.optim.Optimizer,
    parameter: Tensor,
    step: float,
    moments: dict[str, Tensor],
) -> None:
    # As AdamW itself would make it: on the device, since it is fused.
    count = torch.tensor(step, dtype=torch.float32, device=parameter.device)
    optimizer.state[parameter] = {"step": count, **moments}


def _whole(tensor: Tensor) -> Tensor:
    if tensor.is_sparse:  # the gradient of a table, the same in all processes
        return tensor.to_dense()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _part(whole: Tensor, like: Tensor) -> Tensor:
    """What this process has of a tensor that all have."""
    whole = whole.to(like.device)
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)
