"""A trained probe on disk: ``.npz`` without pickles, so that reading one runs no code."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.baselines.probes import PROBES, ProbeModel, kind_of
from hnet_seq.tasks.embedding.vectors import Strands
from modalities.errors import InputError
from pipelines.files import replaced_path

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
    """

    classes: list[str]
    model: ProbeModel
    embedding: Embedding
    checkpoint: str
    weights: str


def save_probe(probe: Probe, path: Path) -> None:
    """Write ``path``: complete or not at all."""
    values = {field.name: getattr(probe.model, field.name) for field in fields(probe.model)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    about = {
        "format": FORMAT,
        "kind": kind_of(probe.model),
        "classes": probe.classes,
        "embedding": asdict(probe.embedding),
        "checkpoint": probe.checkpoint,
        "weights": probe.weights,
        "settings": {name: value for name, value in values.items() if name not in arrays},
    }
    with replaced_path(path) as temporary, temporary.open("wb") as file:
        stored: dict[str, Any] = {"about": np.array(json.dumps(about)), **arrays}
        np.savez(file, **stored)


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
            kind = PROBES[about["kind"]][0]
            found = {name: arrays[name] for name in arrays.files if name != "about"}
            return Probe(
                classes=list(about["classes"]),
                model=kind(**found, **about["settings"]),
                embedding=Embedding(**about["embedding"]),
                checkpoint=about["checkpoint"],
                weights=about["weights"],
            )
    except FileNotFoundError:
        raise InputError(path, "no such file; `hnet-seq classify train` writes one") from None
    except InputError:
        raise
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError, EOFError):
        raise InputError(
            path, "is no probe of `hnet-seq classify train`; give its probe.npz"
        ) from None
