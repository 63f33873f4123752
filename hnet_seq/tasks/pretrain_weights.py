"""The weights that a run begins with: random ones, or given ones of its shape and vocabulary."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import modalities
from hnet_seq.config import ExperimentConfig
from hnet_seq.model.initialization import ResidualInit
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import Located, locate
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.pretrained import load_weights, read_checkpoint
from hnet_seq.model.twin import TWIN, begun_with
from hnet_seq.tasks.pretrain_start import check_shape
from hnet_seq.train.ranks import on_first
from hnet_seq.train.run_folder import RunFolder
from modalities.errors import InputError, UsageError
from modalities.file_hash import file_sha256
from pipelines.batches.token_batches import TokenBatches


def first_model(
    config: ExperimentConfig, train: TokenBatches, device: str
) -> tuple[HNetLanguageModel, dict[str, Any]]:
    """The model that a run begins with, and what to record of given weights.

    Raises:
        FileNotFoundError, ValueError: as :func:`hnet_seq.model.pretrained.load_weights`.
        UsageError: they are of another shape or vocabulary; one line that names the field.
    """
    init = config.train.init
    if not init:
        residual: ResidualInit = "identity" if config.train.residual_proj == "identity" else "zero"
        shape = deepcopy(config.model)  # counting writes into the model's own
        model = language_model(shape, seed=config.seed, residual_proj=residual)
        model.metadata |= begun_with(config.seed, residual)
        return model.to(device), {}
    on_first(lambda: locate(init))  # what comes from the hub comes once
    checkpoint = read_checkpoint(init)
    check_shape(config.model, checkpoint.config, checkpoint.found.config)
    _check_vocabulary(init, checkpoint.metadata, train)
    sha256 = on_first(lambda: file_sha256(checkpoint.found.weights))
    model = load_weights(language_model, checkpoint.found, device)
    model.metadata["init"] = sha256
    model.metadata.pop(TWIN, None)  # a twin that is trained is none
    about = {"checkpoint": init, "weights": f"{checkpoint.found.weights}", "sha256": sha256}
    return model, {"init": about | {"optimizer": config.train.init_optimizer}}


def run_checkpoint(init: str) -> Path:
    """The checkpoint of a run that given weights are, with the state of its optimiser.

    Raises:
        UsageError: they are none.
    """
    key = "train.init_optimizer"
    if not init:
        raise UsageError(key, "is kept, and no --init names a run to keep it of")
    found: Located = locate(init)
    if not RunFolder.has_state(found.folder):
        raise UsageError(
            key, f"is kept, and {init} is no run that this package trained; take fresh"
        )
    return found.folder


def check_same_weights(folder: RunFolder, about: dict[str, Any]) -> None:
    """A run that was killed before its first checkpoint begins with the same weights again.

    Raises:
        InputError: they have changed since.
    """
    was, now = (values.get("init", {}).get("sha256") for values in (folder.provenance(), about))
    if was != now:
        raise InputError(
            folder.path,
            f"began with weights of sha256 {was}, and now they are {now}; begin another run",
        )


def _check_vocabulary(init: str, metadata: dict[str, str], train: TokenBatches) -> None:
    reads = metadata.get("modality")
    fingerprint = metadata.get("vocabulary")
    if fingerprint is None and reads is not None:
        fingerprint = modalities.get(reads).fingerprint
    manifest = train.manifest
    if fingerprint is not None and fingerprint != train.vocabulary_fingerprint:
        raise UsageError(
            "vocabulary",
            f"{init} reads {reads or 'other tokens'}, and the shards hold {manifest.modality}, "
            "whose vocabulary is another",
        )
