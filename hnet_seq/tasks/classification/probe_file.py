"""A trained probe on disk: ``.npz`` without pickles, so that reading one runs no code."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.evidence.probes.ridge import RidgeModel
from hnet_seq.evidence.probes.table import PROBES, ProbeModel, kind_of
from hnet_seq.evidence.probes.target_probes import RIDGE, OneVsRest, TargetModel
from hnet_seq.tasks.classification.kept_classifier import NO_PROBE
from hnet_seq.tasks.classification.kept_results import write_kept
from hnet_seq.tasks.classification.labels import Problem
from hnet_seq.tasks.embedding.vectors import Strands
from modalities.errors import InputError

FORMAT = 2


@dataclass(frozen=True)
class Embedding:
    """How the vectors that a probe reads are made, see :func:`hnet_seq.tasks.embed.embed`."""

    pooling: str
    stage: int
    strands: Strands


@dataclass(frozen=True)
class Probe:
    """A classifier on a model's vectors.

    Attributes:
        classes: (C,) sorted names; class number i is ``classes[i]``.
        model: what was fitted.
        embedding: what it was fitted on.
        checkpoint: where the model lay, as the user named it.
        weights: sha256 of the model's file of weights: another model's vectors mean nothing.
        problem: what is predicted; ``classes`` are labels or the name of a number otherwise.
    """

    classes: list[str]
    model: ProbeModel | TargetModel
    embedding: Embedding
    checkpoint: str
    weights: str
    problem: Problem = "classes"


def save_probe(probe: Probe, path: Path) -> None:
    """Write ``path``: complete or not at all."""
    kind, arrays, settings = probe_parts(probe.model)
    about = {
        "format": FORMAT,
        "kind": kind,
        "classes": probe.classes,
        "embedding": asdict(probe.embedding),
        "checkpoint": probe.checkpoint,
        "weights": probe.weights,
        "settings": settings,
        **({} if probe.problem == "classes" else {"problem": probe.problem}),
    }
    write_kept(path, arrays, about)


def load_probe(path: str | Path) -> Probe:
    """Read what :func:`save_probe` wrote.

    Raises:
        InputError: the file is missing, damaged, or no probe.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(path, "is a folder; give the probe.npz in it")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].item())
            if about["format"] != FORMAT:
                raise InputError(
                    path, f"has format {about['format']}, this version reads {FORMAT}; train again"
                )
            found = {name: arrays[name] for name in arrays.files if name != "about"}
            return Probe(
                classes=list(about["classes"]),
                model=probe_of(about["kind"], found, about["settings"]),
                embedding=Embedding(**about["embedding"]),
                checkpoint=about["checkpoint"],
                weights=about["weights"],
                problem=about.get("problem", "classes"),
            )
    except FileNotFoundError:
        raise InputError(path, "no such file; `hnet-seq classify train` writes one") from None
    except InputError:
        raise
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError, EOFError):
        raise InputError(path, NO_PROBE) from None


def probe_parts(model: ProbeModel | TargetModel) -> tuple[str, dict[str, Any], Any]:
    """Its kind, its arrays by name, and the rest as JSON values, for :func:`probe_of`."""
    if isinstance(model, OneVsRest):
        parts = [_parts(each) for each in model.models]
        arrays = {f"{at}.{name}": a for at, (own, _) in enumerate(parts) for name, a in own.items()}
        return model.kind, arrays, [own for _, own in parts]
    kind = RIDGE if isinstance(model, RidgeModel) else kind_of(model)
    return kind, *_parts(model)


def probe_of(kind: str, arrays: dict[str, Any], settings: Any) -> ProbeModel | TargetModel:
    """A probe from what :func:`probe_parts` gave.

    Raises:
        KeyError, TypeError: they are of no probe.
    """
    if kind == RIDGE:
        return RidgeModel(**arrays, **settings)
    cls = PROBES[kind][0]
    if isinstance(settings, dict):
        return cls(**arrays, **settings)
    models: list[ProbeModel | float] = []
    for at, own in enumerate(settings):
        start = f"{at}."
        mine = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
        models.append(own["share"] if "share" in own else cls(**mine, **own))
    return OneVsRest(kind, models)


def _parts(model: ProbeModel | RidgeModel | float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and JSON values of a model; a constant is the value ``share``."""
    if isinstance(model, float):
        return {}, {"share": model}
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return arrays, {name: value for name, value in values.items() if name not in arrays}
