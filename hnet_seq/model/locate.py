"""Where a checkpoint lies: a folder, a run, a file, a model that ships, or one on the hub."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.hub import download, split_hub_id
from hnet_seq.model.ldarnet import is_ldarnet, ldarnet_config
from hnet_seq.model.pickled_config import config_in
from hnet_seq.model.released import OWNER, released_file, released_names
from hnet_seq.model.shipped import shipped_folder, shipped_names
from modalities.given_paths import given_path

WEIGHTS = "model.safetensors"
ADAPTER = "adapter.safetensors"  # beside it `adapter.json`, see hnet_seq.model.adapter_base
CONFIG = "config.json"
_SHARDS = "model.safetensors.index.json"


@dataclass(frozen=True)
class Located:
    """A checkpoint on this machine.

    Attributes:
        weights: the file of weights, ``.safetensors`` or a released ``.pt``.
        config: the JSON that describes the model, or the ``.pt`` itself where it says it.
        name: of a model that ships or of a commit on the hub, where it was asked for by name.
        base: what an adapter stands on, once :func:`hnet_seq.model.adapter_base.with_bases` found
            it.
    """

    weights: Path
    config: Path
    name: str | None = None
    base: Located | None = None

    @property
    def folder(self) -> Path:
        """Where the weights lie; further JSON files are beside them."""
        return self.weights.parent


def locate(
    where: str | Path, *, config: str | Path | None = None, revision: str | None = None
) -> Located:
    """The files of a checkpoint, fetched from the hub if need be.

    Args:
        where: a checkpoint folder; a run folder, for its last checkpoint; a ``.safetensors`` or a
            released ``.pt`` file, or a folder with one of them; the name of a model that ships, see
            :mod:`hnet_seq.model.shipped`; or ``owner/name`` on the hub, also
            ``owner/name@revision``. What exists on disk comes first.
        config: the JSON that describes the model, or a released name. When None it is
            ``config.json`` beside the weights; for ``NAME.pt`` ``NAME.json`` beside it, else what
            the file itself says, else ``config.json``, else the released configuration of that
            name.
        revision: a branch, tag or commit on the hub.

    Raises:
        FileNotFoundError: there is none, and what was looked for.
        ValueError: what is there is ambiguous, or of a kind that cannot be read.
    """
    path, name = given_path(where, "where"), None
    own = None if path.exists() else shipped_folder(str(where))
    if revision is not None and (own or path.exists()):
        place = "comes with this package" if own else "is on disk"
        raise ValueError(f"{where}: {place}; a revision goes with a model on the hub")
    if not path.exists():
        path = own or _from_hub(str(where), revision)
        # The cache has a folder for each commit.
        name = str(where) if own else f"{str(where).partition('@')[0]}@{path.name}"
    weights = _weights_in(path) if path.is_dir() else path
    if weights.suffix not in (".pt", ".safetensors"):
        raise ValueError(
            f"{weights}: not weights; expected a .safetensors or a .pt file{_same_name(weights)}"
        )
    return Located(weights, _config_of(weights) if config is None else _named_config(config), name)


def address(found: Located) -> tuple[str, str | None]:
    """What :func:`locate` finds the same files by, from any folder and, by a name, anywhere.

    Returns:
        ``where``, and ``config`` where the configuration lies apart from the weights.
    """
    folder, place, config = found.folder.resolve(), found.name, None
    if place is None:
        file = folder / found.weights.name
        place = str(folder if _or_none(_weights_in, folder) == file else file)
    beside = _or_none(_config_of, found.weights)
    if beside is None or beside.resolve() != found.config.resolve():
        released = released_file(found.config.stem)
        config = found.config.stem if released == found.config else str(found.config.resolve())
    return place, config


def find_checkpoint(path: str | Path) -> Path:
    """The folder that holds ``model.safetensors``: ``path``, or the last checkpoint of a run.

    Raises:
        FileNotFoundError: there is neither, and what was looked for.
    """
    path = Path(path)
    if (path / WEIGHTS).is_file():
        return path
    checkpoints = sorted(
        (file.parent for file in (path / "checkpoints").glob("step-*/" + WEIGHTS)),
        key=lambda folder: (len(folder.name), folder.name),
    )
    if checkpoints:
        return checkpoints[-1]
    raise FileNotFoundError(
        f"{path}: no {WEIGHTS} and no checkpoints/step-*/{WEIGHTS}; "
        "give a checkpoint folder or a run folder that has saved one"
    )


def read_json(path: Path) -> dict[str, Any]:
    """The values of a JSON file beside the weights.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it is no JSON object; names the file.
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: missing beside the weights") from None
    except ValueError as error:
        raise ValueError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object of keys and values")
    return values


def read_values(path: Path) -> dict[str, Any]:
    """The values of a configuration: of a JSON file, or of a ``.pt`` that has them in it.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it has none; names the file.
    """
    if path.suffix != ".pt":
        return read_json(path)
    values = config_in(path)
    if values is None:
        raise ValueError(f"{path}: no longer holds a configuration; fetch the file again")
    return values


def read_config(path: Path) -> HNetConfig:
    """The configuration in a file, in the released keys or in those of LDARNet.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it does not describe a model; names the file.
    """
    values = read_values(path)
    try:
        return HNetConfig.from_dict(ldarnet_config(values) if is_ldarnet(values) else values)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _weights_in(folder: Path) -> Path:
    if (folder / ADAPTER).is_file():
        if (folder / WEIGHTS).is_file():
            raise ValueError(
                f"{folder}: has {WEIGHTS} and {ADAPTER}, of which one is left from before; remove "
                "that one, or name the file that is meant"
            )
        return folder / ADAPTER
    try:
        return find_checkpoint(folder) / WEIGHTS
    except FileNotFoundError as error:
        if (folder / _SHARDS).is_file():
            raise ValueError(
                f"{folder / _SHARDS}: weights in several files are not read; merge them into one "
                f"{WEIGHTS}"
            ) from error
        released = sorted(folder.glob("*.pt"))
        if not released:
            raise FileNotFoundError(
                f"{folder}: no {WEIGHTS}, no checkpoints/step-*/{WEIGHTS} and no .pt file; give a "
                "checkpoint folder, a run folder that has saved one, or the file"
                f"{_same_name(folder)}"
            ) from None
        if len(released) > 1:
            names = ", ".join(path.name for path in released)
            raise ValueError(f"{folder}: has several .pt files, {names}; name one") from None
        return released[0]


def _or_none(look: Callable[[Path], Path], path: Path) -> Path | None:
    try:
        return look(path)
    except (OSError, ValueError):
        return None


def _same_name(path: Path) -> str:
    if shipped_folder(str(path)) is None:
        return ""
    return f"; the model {path} of this package is found where nothing else has its name"


def _from_hub(where: str, revision: str | None) -> Path:
    parts = split_hub_id(where)
    if parts is None or where.endswith((".pt", ".safetensors")):
        hint = f"; by name there is {', '.join(shipped_names())}" if shipped_names() else ""
        if where in released_names():
            hint = f"; this is a released configuration, its weights are {OWNER}/{where} on the hub"
        raise FileNotFoundError(
            f"{where}: no such file or folder, so no {WEIGHTS} there, and not owner/name on the "
            f"hub{hint}"
        )
    name, own_revision = parts
    if revision and own_revision:
        raise ValueError(f"{where}: names a revision, and so does revision={revision}; give one")
    parent = Path(name).parent
    if parent.is_dir():
        raise FileNotFoundError(
            f"{where}: no such folder in {parent}/, so no {WEIGHTS} there; for {name} on the hub "
            f"go to a place without a folder {parent}/"
        )
    return download(name, revision or own_revision, WEIGHTS)


def _config_of(weights: Path) -> Path:
    beside = weights.parent / CONFIG
    if weights.suffix == ".safetensors":
        return beside
    own = weights.with_suffix(".json")
    if not own.is_file() and config_in(weights) is not None:
        return weights
    for file in (own, beside, released_file(weights.stem)):
        if file is not None and file.is_file():
            return file
    if not zipfile.is_zipfile(weights):
        raise ValueError(
            f"{weights}: truncated or damaged, or not a file of torch.save; fetch the file again"
        )
    raise FileNotFoundError(
        f"{weights}: no configuration in it, no {own.name} and no {CONFIG} beside it, and "
        f"{weights.stem} is not a released name; give the JSON that describes the model as config"
    )


def _named_config(config: str | Path) -> Path:
    file = Path(config)
    if file.is_file():
        return file
    released = released_file(str(config))
    if released is None:
        raise FileNotFoundError(
            f"{config}: no such JSON file, nor a released name; these are "
            f"{', '.join(released_names())}"
        )
    return released
