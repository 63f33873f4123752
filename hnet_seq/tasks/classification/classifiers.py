"""A trained classifier, whichever kind: a probe on a frozen model, or a fine-tuned model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.probes.ridge import RidgeModel
from hnet_seq.evidence.probes.table import PROBES, kind_of
from hnet_seq.evidence.probes.target_probes import OneVsRest, predict_targets
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.locate import locate
from hnet_seq.tasks.classification.frozen import MODEL_ROWS
from hnet_seq.tasks.classification.kept_classifier import finetuned_folder
from hnet_seq.tasks.classification.labels import Problem
from hnet_seq.tasks.classification.probe_file import load_probe
from hnet_seq.tasks.classification.trained_on import Hashes, read_trained_on
from hnet_seq.tasks.embedding.vectors import check_modality, embed
from hnet_seq.tasks.run_identity import weights_sha256
from hnet_seq.train.predict import predict
from modalities.base import Tokens
from modalities.errors import InputError

FINETUNED_ROWS = {
    "chunks": "H-Net, fine-tuned, mean over chunks",
    "chunks_weighted": "H-Net, fine-tuned, mean over chunks by bases",
    "attention": "H-Net, fine-tuned, attention over chunks",
    "bases": "H-Net, fine-tuned, mean over bases",
    "last": "H-Net, fine-tuned, last position",
    "attention_bases": "H-Net, fine-tuned, attention over bases",
    "ends": "H-Net, fine-tuned, attention over bases, and both ends",
    "places": "H-Net, fine-tuned, attention over bases, and each place",
}


_PROBLEMS: dict[str, Problem] = {
    "single_label": "classes",
    "multi_label": "multi-label",
    "regression": "regression",
}


@dataclass(frozen=True)
class Classifier:
    """What can be asked for the classes of sequences.

    Attributes:
        kind: for messages.
        name: its line in a table of scores.
        classes: (C,) sorted names.
        predict_proba: sequences to probabilities (N, C), or numbers (N, 1).
        trained_on: hashes of its training sequences, see ``trained_on.py``; None where unknown.
        problem: what is predicted.
    """

    kind: str
    name: str
    classes: list[str]
    predict_proba: Callable[[list[Tokens]], NDArray[np.floating]]
    trained_on: Hashes | None
    problem: Problem = "classes"


def load_classifier(
    path: str | Path,
    *,
    checkpoint: str | Path | None = None,
    batch_tokens: int,
    device: str | None = None,
) -> Classifier:
    """Read what ``classify train`` or ``classify finetune`` wrote.

    Args:
        path: ``probe.npz``; or the folder of a fine-tuned model, or the one above it.
        checkpoint: where the model of a probe, or the base of an adapter, lies now.

    Raises:
        InputError: it is neither, is damaged, or its model is not there or another one.
        UsageError: a checkpoint for a fine-tuned model, which is its own.
    """
    if folder := finetuned_folder(path, checkpoint):
        return _finetuned(folder, checkpoint, batch_tokens, device)
    return _probe(Path(path), checkpoint, batch_tokens, device)


def _finetuned(
    folder: Path, base: str | Path | None, batch_tokens: int, device: str | None
) -> Classifier:
    model = HNetForSequenceClassification.from_pretrained(folder, device=device, base=base)
    check_modality(model)
    head = model.head_config
    problem = _PROBLEMS.get(head.problem)
    if problem is None or (problem == "regression" and len(head.names) > 1):
        raise InputError(
            folder, f"predicts {head.problem} of {len(head.names)}; use hnet_seq.train.predict"
        )

    def predict_proba(sequences: list[Tokens]) -> NDArray[np.floating]:
        return predict(model, sequences, batch_tokens=batch_tokens, device=device, progress=True)

    return Classifier(
        "fine-tuned model",
        FINETUNED_ROWS[head.pooling],
        head.names,
        predict_proba,
        read_trained_on(locate(folder).weights),
        problem,
    )


def _probe(
    path: Path, checkpoint: str | Path | None, batch_tokens: int, device: str | None
) -> Classifier:
    probe = load_probe(path)
    checkpoint = checkpoint or probe.checkpoint
    try:
        found = weights_sha256(checkpoint)
    except FileNotFoundError as error:
        raise InputError(
            path, f"its model is not there ({error}); give it with --checkpoint"
        ) from None
    if found != probe.weights:
        raise InputError(
            path,
            f"was trained on other weights than those of {checkpoint}; give its own checkpoint "
            "with --checkpoint, or train the probe again",
        )
    model = load_pretrained(checkpoint, device)

    def predict_proba(sequences: list[Tokens]) -> NDArray[np.floating]:
        vectors = embed(
            model,
            sequences,
            pooling=probe.embedding.pooling,
            stage=probe.embedding.stage,
            strands=probe.embedding.strands,
            batch_tokens=batch_tokens,
            device=device,
            progress=True,
        )
        if isinstance(probe.model, OneVsRest | RidgeModel):
            return predict_targets(probe.model, vectors)
        return probe.model.predict_proba(vectors)

    name = MODEL_ROWS[probe.embedding.pooling]
    if not isinstance(probe.model, RidgeModel):
        kind = probe.model.kind if isinstance(probe.model, OneVsRest) else kind_of(probe.model)
        name += PROBES[kind][2]
    known = read_trained_on(path)
    return Classifier("probe", name, probe.classes, predict_proba, known, probe.problem)
