"""Weights on disk: ``model.safetensors`` beside ``config.json``, for any module on an H-Net.

The safetensors metadata carries what the weights were trained on (modality, vocabulary, data), so
that ``config.json`` stays the released format. A module with more to say writes JSON files of its
own beside them::

    save_weights(model, folder, {"head.json": {"classes": ["coding", "intergenic"]}})

    found = locate(folder)
    head = read_json(found.folder / "head.json")
    model = load_weights(lambda config: Classifier(config, head["classes"]), found)

The module needs a ``config`` (:class:`HNetConfig`), a ``metadata`` dictionary of strings, and a
constructor that leaves out the initialisation when its parameters are on the meta device.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hnet_seq.model.adapter import Base, about, adapted, facts
from hnet_seq.model.adapter_base import ADAPTER_FACTS, check_apart, with_bases
from hnet_seq.model.checkpoint import Checkpoint, check_fit, owned_state, tied_names
from hnet_seq.model.config import MODEL_TYPE, HNetConfig
from hnet_seq.model.int8_rows import from_int8_rows
from hnet_seq.model.ldarnet import is_ldarnet, ldarnet_metadata, ldarnet_weights
from hnet_seq.model.locate import (
    ADAPTER,
    CONFIG,
    WEIGHTS,
    Located,
    find_checkpoint,
    locate,
    read_config,
    read_json,
    read_values,
)
from hnet_seq.model.low_rank import adapter_state, merged_state
from hnet_seq.model.released import released_file, released_metadata
from hnet_seq.model.torch_file import read_torch_file
from hnet_seq.model.twin import untrained
from hnet_seq.model.weights_file import METADATA, read_metadata

__all__ = [
    "CONFIG",
    "WEIGHTS",
    "Checkpoint",
    "find_checkpoint",
    "load_weights",
    "locate",
    "outline",
    "owned_state",
    "read_checkpoint",
    "read_json",
    "save_weights",
]

# The definition computes the residual path in fp32, whatever the rest runs in, and the released
# code builds this one layer in fp32.
_FP32 = "residual_proj."


class _Described(Protocol):
    config: HNetConfig
    metadata: dict[str, str]
    origin: Located | None


M = TypeVar("M", bound=nn.Module)


def save_weights(
    model: nn.Module,
    folder: str | Path,
    extra: Mapping[str, Mapping[str, Any]] | None = None,
    store: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
) -> None:
    """Write the weights, ``config.json`` and further JSON files; the same model, the same bytes.

    Every file is complete under its name or not there; the weights come last, so that a new folder
    that has them has all.

    Args:
        model: with ``config`` and ``metadata``.
        extra: values of further JSON files, by file name.
        store: what to write of the weights, where it is not they as they are; see
            :mod:`hnet_seq.model.int8_rows`.
    """
    weights = _on_cpu(merged_state(model))
    if store is not None:
        weights = store(weights)
    _write(model, Path(folder), WEIGHTS, weights, extra or {})
    for stale in (ADAPTER, ADAPTER_FACTS):
        (Path(folder) / stale).unlink(missing_ok=True)


def save_adapter(
    model: nn.Module, folder: str | Path, base: Base, extra: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write what was learned beside the base, as :func:`save_weights` writes a whole model.

    Raises:
        UsageError: the folder is that of the base, or of what this stands on.
    """
    check_apart(folder, base.found, "folder")
    documents = {**extra, ADAPTER_FACTS: facts(base, model)}
    weights = _on_cpu(adapter_state(model))
    _write(model, Path(folder), ADAPTER, weights, documents, about(base, model))
    (Path(folder) / WEIGHTS).unlink(missing_ok=True)


def _on_cpu(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in weights.items()}


def _write(
    model: nn.Module,
    folder: Path,
    file_name: str,
    weights: dict[str, Tensor],
    extra: Mapping[str, Mapping[str, Any]],
    more: Mapping[str, str] | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    described = cast(_Described, model)
    shape = {**described.config.to_dict(), "model_type": MODEL_TYPE}
    documents = {CONFIG: shape, **extra}
    assert file_name not in documents
    partial = {name: folder / f".{name}.partial" for name in (*documents, file_name)}
    try:
        for name, document in documents.items():
            partial[name].write_text(json.dumps(document, indent=2) + "\n")
        # One entry: safetensors writes several in an order that changes from run to run.
        values = {**described.metadata, **(more or {})}
        metadata = {METADATA: json.dumps(values, sort_keys=True)}
        save_file(weights, partial[file_name], metadata=metadata)
        for path in partial.values():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        for name, path in partial.items():
            os.replace(path, folder / name)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def read_checkpoint(
    where: str | Path | Located,
    *,
    config: str | Path | None = None,
    revision: str | None = None,
    base: str | Path | None = None,
) -> Checkpoint:
    """Open a checkpoint; arguments and errors of :func:`hnet_seq.model.locate.locate`.

    Args:
        base: where the base of an adapter lies now; where it says that it lies, when None.

    Raises:
        FileNotFoundError: no weights there, or an adapter without its base.
        ValueError: a file is damaged or would run code; names the file.
    """
    found = where if isinstance(where, Located) else locate(where, config=config, revision=revision)
    return _read(with_bases(found, base))


def _read(found: Located) -> Checkpoint:
    shape = read_config(found.config)
    in_int8: frozenset[str] = frozenset()
    if found.weights.suffix == ".pt":
        weights, metadata = read_torch_file(found.weights), _origin(found, shape)
    else:
        stored, metadata = _read_safetensors(found.weights)
        try:
            weights, in_int8 = from_int8_rows(stored)
        except ValueError as error:
            raise ValueError(f"{found.weights}: {error}") from error
    if is_ldarnet(read_values(found.config)):
        try:
            weights, metadata = ldarnet_weights(weights), ldarnet_metadata(shape)
        except ValueError as error:
            raise ValueError(f"{found.weights}: {error}") from error
    if found.base is not None:
        return adapted(found, weights, metadata, _read(found.base))
    return Checkpoint(found, shape, weights, metadata, in_int8)


def outline(build: Callable[[HNetConfig], M], checkpoint: Checkpoint) -> M:
    """The module without values, on the meta device, after a check that the weights fit it.

    Raises:
        ValueError: weights are missing, surplus or misshapen; one line that names them.
    """
    with torch.device("meta"):
        model = build(checkpoint.config)
    check_fit(checkpoint, owned_state(model), tied_names(model))
    cast(_Described, model).metadata = dict(checkpoint.metadata)
    return model.eval()


def load_weights(
    build: Callable[[HNetConfig], M],
    where: str | Path | Located,
    device: str | torch.device | None = None,
    *,
    dtype: torch.dtype | None = None,
    config: str | Path | None = None,
    revision: str | None = None,
    twin: bool = False,
    base: str | Path | None = None,
) -> M:
    """Build a module and give it stored weights; in evaluation mode.

    Args:
        build: the module's class, or a function that makes it from the configuration.
        where: see :func:`hnet_seq.model.locate.locate`, also for ``config`` and ``revision``.
        twin: load the untrained twin, see :mod:`hnet_seq.model.twin`; of a language model, whose
            first weights ``seed`` and ``residual_proj`` of ``build`` choose.
        device: a GPU if there is one, else the CPU, when None.
        base: where the base of an adapter lies now, see :mod:`hnet_seq.model.adapter`.
        dtype: of the weights in memory, fp32 when None; ``residual_proj`` stays fp32. Weights in
            bf16 compute under ``torch.autocast``.

    Raises:
        FileNotFoundError: no weights there.
        ValueError: the files are damaged or do not fit each other; names the file.
    """
    checkpoint = read_checkpoint(where, config=config, revision=revision, base=base)
    if twin:
        checkpoint = untrained(checkpoint, build)
    model = outline(build, checkpoint)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    tied = tied_names(model)
    state = {
        name: _in_memory(name, checkpoint.weights[name], device, dtype)
        for name in owned_state(model)
    }
    model.load_state_dict(state, strict=False, assign=True)
    for second, first in tied.items():
        owner, _, leaf = second.rpartition(".")
        setattr(model.get_submodule(owner), leaf, model.get_parameter(first))
    assert not any(value.is_meta for value in model.state_dict().values())
    cast(_Described, model).origin = None if twin else checkpoint.found
    return model


def _origin(found: Located, shape: HNetConfig) -> dict[str, str]:
    name = found.weights.stem
    released = released_file(name)
    if released is None or read_config(released) != shape:
        return {}
    return released_metadata(name)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path}: not a readable safetensors file: {error}") from error
    return weights, read_metadata(path)


def _in_memory(
    name: str, stored: Tensor, device: str | torch.device, dtype: torch.dtype | None
) -> Tensor:
    kind = stored.dtype
    if stored.is_floating_point():
        kind = torch.float32 if _FP32 in name else dtype or torch.float32
    # A copy: the mapped file must not stay behind the parameters, nor decide their alignment.
    return stored.to(device, kind, copy=True)
