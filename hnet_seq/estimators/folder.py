"""A fitted estimator as a folder: JSON and safetensors, so that reading one runs no code.

``estimator.json`` has the parameters, what was fitted but arrays, and the sha256 of every other
file and of itself; ``probe.safetensors`` the arrays of a probe; ``model/`` the weights, where they
do not come with the package.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from hnet_seq.estimators.models import Reading, opened
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.shipped import shipped_folder
from hnet_seq.tasks.classification.probe_file import probe_of, probe_parts
from hnet_seq.tasks.run_identity import model_hash, weights_sha256
from hnet_seq.train.finetune_config import FinetuneConfig
from modalities.errors import InputError, UsageError, printable
from modalities.file_hash import file_sha256
from modalities.given_paths import a_kind_of, given_path
from pipelines.storage.files import check_folder, replaced_path
from pipelines.storage.json_records import as_json, parse_record

if TYPE_CHECKING:
    from hnet_seq.estimators.base import SequenceEstimator

FORMAT = 1
ABOUT, PROBE, MODEL = "estimator.json", "probe.safetensors", "model"
_DIGEST = "sha256"  # of the rest of the file
_FITTED = ("seed_", "history_")
_DAMAGED = "is damaged; copy it again from where it was written, or fit and save again"


@dataclass(frozen=True)
class Kept:
    """What ``estimator.json`` says.

    Attributes:
        class_: of the estimator.
        parameters: of its constructor; ``model`` is None where it was an object, or lay in the
            folder of an estimator.
        reading: see :class:`hnet_seq.estimators.models.Reading`; None of a fine-tuned model.
        fitted: further attributes.
        classes: of a classifier, with their NumPy type.
        probe: kind and settings, where there is one.
        shipped: name and sha256 of weights that come with the package, where those are the model.
        files: sha256 of each other file, by its name.
    """

    class_: str
    parameters: dict[str, Any]
    reading: Reading | None
    fitted: dict[str, Any]
    classes: dict[str, Any] | None
    probe: dict[str, Any] | None
    shipped: dict[str, str] | None
    files: dict[str, str]


def save_estimator(estimator: SequenceEstimator, folder: str | Path) -> None:
    """See :meth:`hnet_seq.estimators.base.SequenceEstimator.save`."""
    path = check_folder(given_path(folder, "folder"), "folder")
    if path.is_dir() and (foreign := _foreign(path)) is not None:
        message = f"{path} holds something else, {printable(foreign)}; name a new folder"
        raise UsageError("folder", message)
    model, classes = estimator.model_, getattr(estimator, "classes_", None)
    is_frozen = isinstance(model, HNetLanguageModel)
    shipped = _shipped(estimator) if is_frozen else None
    parameters = {name: _plain(name, own, estimator) for name, own in _parameters(estimator)}
    probe = getattr(estimator, "probe_", None)
    kind, arrays, settings = (None, {}, None) if probe is None else probe_parts(probe)
    with replaced_path(path) as out:
        out.mkdir()
        if probe is not None:
            save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, out / PROBE)
        if shipped is None:
            model.save_pretrained(out / MODEL)
        kept = Kept(
            type(estimator).__name__,
            parameters,
            estimator.reading_ if is_frozen else None,
            {name: getattr(estimator, name) for name in _FITTED if hasattr(estimator, name)},
            None if classes is None else _class_values(classes),
            None if probe is None else {"kind": kind, "settings": settings},
            shipped,
            {file.relative_to(out).as_posix(): file_sha256(file) for file in _files(out)},
        )
        content = {"format": FORMAT, **as_json(kept)}
        with (out / ABOUT).open("w", encoding="utf-8") as file:
            json.dump({**content, _DIGEST: _digest(content)}, file, indent=1)
            file.write("\n")


def load_estimator(
    cls: type[SequenceEstimator], folder: str | Path, device: str | None
) -> SequenceEstimator:
    """See :meth:`hnet_seq.estimators.base.SequenceEstimator.load`."""
    path = given_path(folder, "folder")
    kept = _read(path / ABOUT)
    if kept.class_ != cls.__name__:
        raise InputError(path, f"holds a {kept.class_}; load it with {kept.class_}.load")
    for name, digest in kept.files.items():
        if not (path / name).is_file() or file_sha256(path / name) != digest:
            raise InputError(path / name, _DAMAGED)
    parameters = dict(kept.parameters)
    if parameters.get("finetuning") is not None:
        where, given = "parameters.finetuning", parameters["finetuning"]
        parameters["finetuning"] = parse_record(path / ABOUT, where, given, FinetuneConfig)
    if device is not None:
        parameters["device"] = device
    if kept.reading is not None and kept.shipped is None and _is_gone(parameters.get("model")):
        parameters["model"] = f"{path.absolute() / MODEL}"
    try:
        estimator = cls(**parameters)
        if kept.probe is not None:
            kind, settings = kept.probe["kind"], kept.probe["settings"]
            estimator.probe_ = probe_of(kind, load_file(path / PROBE), settings)
        elif kept.fitted:
            estimator.probe_ = None
        if kept.classes is not None:
            values, of_type = kept.classes["values"], np.dtype(kept.classes["dtype"])
            estimator.classes_ = np.array(values, of_type)
    except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
        raise InputError(path / ABOUT, f"is of another version of hnet-seq: {error}") from None
    for name in kept.fitted:
        setattr(estimator, name, kept.fitted[name])
    if kept.reading is None:
        tuned = HNetForSequenceClassification.from_pretrained(path / MODEL, device=estimator.device)
        estimator.model_ = tuned
    else:
        estimator.reading_ = kept.reading
        estimator.model_ = _frozen(path, kept, estimator.device)
    return estimator


def _frozen(path: Path, kept: Kept, device: str | None) -> HNetLanguageModel:
    if kept.shipped is None:
        return load_pretrained(path / MODEL, device)
    name, digest = kept.shipped["name"], kept.shipped["sha256"]
    own = shipped_folder(name)
    if own is None or weights_sha256(own) != digest:
        message = (
            f"was fitted on weights of {name} that this version of hnet-seq does not have; fit it "
            "again, or install the version that wrote it"
        )
        raise InputError(path, message)
    return load_pretrained(own, device)


def _read(file: Path) -> Kept:
    if not file.is_file():
        raise InputError(file, "no such file; the method `save` of an estimator writes it")
    try:
        content = json.loads(file.read_bytes())
        digest, version = content.pop(_DIGEST), content.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(file, _DAMAGED) from None
    if version != FORMAT:
        message = f"has format {version!r}, this version reads {FORMAT}; install a newer hnet-seq"
        raise InputError(file, message)
    if digest != _digest({"format": version, **content}):
        raise InputError(file, _DAMAGED)
    found: Kept = parse_record(file, "", content, Kept)
    return found


def _parameters(estimator: SequenceEstimator) -> list[tuple[str, Any]]:
    return list(estimator.get_params(deep=False).items())


def _plain(name: str, value: Any, estimator: SequenceEstimator) -> Any:
    """A parameter as a JSON value."""
    if name == "model" and (isinstance(value, HNetLanguageModel) or _is_saved(value, estimator)):
        return None
    if name == "random_state" and not isinstance(value, int | None):
        return getattr(estimator, "seed_", None)
    if isinstance(value, FinetuneConfig):
        return asdict(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, PathLike | torch.device):
        return f"{value}"
    raise InputError(None, f"is {a_kind_of(value)}, which no JSON file holds", where=name)


def _is_saved(model: Any, estimator: SequenceEstimator) -> bool:
    """Whether a frozen model's path is in the folder of an estimator: it goes with the copy."""
    if not isinstance(model, str | PathLike) or not isinstance(estimator.model_, HNetLanguageModel):
        return False
    where = Path(model)
    return where.name == MODEL and os.path.isfile(where.parent / ABOUT)


def _is_gone(model: Any) -> bool:
    """Whether a model was an object, or a path where there is nothing now."""
    if not isinstance(model, str):
        return model is None
    return not os.path.exists(model) and shipped_folder(model) is None


def _foreign(folder: Path) -> str | None:
    """The name of something in a folder that :func:`save_estimator` did not write, or None."""
    found = sorted(entry.relative_to(folder).as_posix() for entry in folder.rglob("*"))
    if not found:
        return None
    try:
        own = {ABOUT, MODEL, *_read(folder / ABOUT).files}
    except (InputError, OSError):
        own = set()
    return next((name for name in found if name not in own), None)


def _class_values(classes: NDArray[Any]) -> dict[str, Any]:
    values = classes.tolist()
    kind = classes.dtype.kind
    if kind not in "biufU":  # what is the same after JSON
        kind = "O"
        if not all(isinstance(value, str) for value in values):
            message = f"are {classes.dtype}; give text or numbers, which a JSON file holds"
            raise InputError(None, message, where="classes_")
    return {"dtype": "O" if kind == "O" else classes.dtype.str, "values": values}


def _shipped(estimator: SequenceEstimator) -> dict[str, str] | None:
    """Name and sha256 of weights that come with the package, where those are the model's."""
    name = estimator.model
    folder = shipped_folder(name) if isinstance(name, str) else None
    if folder is None or model_hash(opened(f"{folder}", "cpu")) != model_hash(estimator.model_):
        return None
    return {"name": f"{name}", "sha256": weights_sha256(folder)}


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
