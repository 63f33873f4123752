"""Experiments: dataclass defaults < YAML files < ``key=value`` from the command line.

OmegaConf merges in struct mode, so a misspelt key is an error that names the nearest known one.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from hnet_seq.config import ExperimentConfig
from hnet_seq.experiment_files import find_experiment
from hnet_seq.model.config import HNetConfig
from modalities.errors import UsageError
from modalities.given_paths import given_path
from pipelines.storage.files import replaced_file


def load_experiment(
    name: str | Path, overrides: list[str] | None = None, shape: HNetConfig | None = None
) -> ExperimentConfig:
    """Read an experiment by name or path.

    A file may begin with ``include: [model/..., train/..., other.yaml]``: those are merged first,
    in order. A YAML file is looked for beside the one that includes it, then in the working
    directory.

    Args:
        overrides: ``key=value`` in OmegaConf's dotlist form.
        shape: what ``model`` is where the experiment does not say.

    Raises:
        UsageError: the file is missing or unreadable, a key is unknown, or a value is wrong.
    """
    config = _at_once(name, overrides or [], shape)
    if config is None:
        merged = _defaults(shape)
        for origin, layer, said in _given(name, overrides or []):
            _merge(merged, layer, origin, said)
        config = OmegaConf.to_object(merged)
    assert isinstance(config, ExperimentConfig)
    try:
        config.validate()
    except (ValueError, TypeError) as error:
        raise UsageError(find_experiment(name), str(error)) from error
    return config


def _at_once(name: str | Path, overrides: Sequence[str], shape: HNetConfig | None) -> object | None:
    """What nearly all mean: None where something is wrong, which is looked for layer by layer."""
    try:
        merged = _defaults(shape)
        for _, layer, _ in _given(name, overrides):
            merged.merge_with(layer)
        return OmegaConf.to_object(merged)
    except (OmegaConfBaseException, TypeError, ValueError, UsageError):
        return None


def _defaults(shape: HNetConfig | None) -> DictConfig:
    merged = copy.deepcopy(_schema())
    if shape is not None:
        merged.merge_with({"model": shape.to_dict()})
    return merged


@cache
def _schema() -> DictConfig:
    """Every key with its default; a copy of it is made in half the time."""
    return OmegaConf.structured(ExperimentConfig)


def _given(
    name: str | Path, overrides: Sequence[str]
) -> Iterator[tuple[Path | str, DictConfig, str]]:
    """What is merged in order: where it is from, what it says, and how it is quoted in errors."""
    for path, layer in _layers(find_experiment(given_path(name, "name")), ()):
        yield path, layer, ""
    for item in overrides:
        key, separator, value = (part.strip() for part in item.partition("="))
        if not separator or not key:
            raise UsageError("command line", f"{item!r}: expected key=value, one word")
        item = f"{key}={value}"
        try:
            layer = OmegaConf.from_dotlist([item])
        except (YAMLError, OmegaConfBaseException) as error:
            message = f"{item!r} is not readable as YAML: {_one_line(error)}"
            raise UsageError("command line", message) from error
        yield "command line", layer, item


def save_experiment(config: ExperimentConfig, path: Path) -> None:
    """Write the resolved configuration; :func:`load_experiment` reads it back."""
    values = dataclasses.asdict(config)
    for source in values["data"]["sources"]:
        source["path"] = source["path"].replace("${", r"\${")  # a folder's name, not a reference
    with replaced_file(path) as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(values)))


def _layers(path: Path, above: tuple[Path, ...]) -> list[tuple[Path, DictConfig]]:
    """What a file includes, and itself; ``above`` are the files that include it."""
    if path.resolve() in above:
        raise UsageError(above[-1], f"includes {path}, which includes it")
    try:
        layer = OmegaConf.load(path)
    except (OSError, YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        raise UsageError(path, f"not readable as YAML: {_one_line(error)}") from error
    if not isinstance(layer, DictConfig):
        raise UsageError(path, "expected a mapping of keys to values")
    include = layer.pop("include", [])
    if isinstance(include, str):
        include = [include]
    inner = (*above, path.resolve())
    included = [_layers(find_experiment(name, path.parent), inner) for name in include]
    return [*(pair for layers in included for pair in layers), (path, layer)]


def _merge(merged: Any, layer: DictConfig, origin: Path | str, said: str = "") -> None:
    """Merge a layer; ``said`` stands for what it holds where an error does not name its key."""
    # In place: a copy of all keys takes as long as the rest.
    try:
        merged.merge_with(layer)
        OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        key = str(error.full_key or "")
        known = _keys(OmegaConf.to_container(merged))
        if key and key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known[:6])} ..."
            raise UsageError(origin, f"unknown key {key}{hint}") from error
        where = ": ".join(filter(None, (key or said, _one_line(error))))
        raise UsageError(origin, where) from error
    except (TypeError, ValueError) as error:
        raise UsageError(origin, _one_line(error)) from error


def _keys(tree: Any, prefix: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return []
    return [
        name
        for key, value in tree.items()
        for name in (f"{prefix}{key}", *_keys(value, f"{prefix}{key}."))
    ]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split("\n    full_key")[0].split())
