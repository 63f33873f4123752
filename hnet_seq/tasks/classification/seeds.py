"""One task fine-tuned with several seeds; a seed that is finished is not repeated.

A seed decides the head's first weights, the order of the batches, and which sequences are held out
to stop early by where no validation split is given. The test split is the same for all of them.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from hnet_seq.commands.classify import HISTORY
from hnet_seq.evidence.audit.task import Examples
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import locate
from hnet_seq.results.run import Log
from hnet_seq.tasks.classification.kept_classifier import MODEL
from hnet_seq.tasks.classification.kept_results import (
    kept_path,
    read_kept,
    settings_hash,
    write_kept,
)
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.classification.trained_on import write_trained_on
from hnet_seq.train.finetune import FinetuneConfig, finetune
from hnet_seq.train.predict import predict
from hnet_seq.train.ranks import is_first, on_first
from pipelines.storage.files import append_line, replaced_file

PARTS = "parts"
_SETTINGS = "settings"  # in the metadata of the kept model


@dataclass(frozen=True)
class SeedRun:
    """One seed.

    Attributes:
        probabilities: (N, C) of the test sequences.
        history: see :func:`hnet_seq.train.finetune.finetune`.
        best_epoch: whose weights predicted, from 1.
        validation: how many sequences it was stopped by.
        ratio_targets: tokens per chunk that were held, per stage.
    """

    seed: int
    probabilities: NDArray[np.floating]
    history: list[dict[str, Any]]
    best_epoch: int
    validation: int
    ratio_targets: list[float]


def finetune_seeds(
    model: HNetLanguageModel,
    task: Task,
    head: HeadConfig,
    config: FinetuneConfig,
    seeds: Sequence[int],
    out: Path,
    *,
    model_hash: str,
    batch_tokens: int,
    device: str | None = None,
) -> list[SeedRun]:
    """Fine-tune a copy of ``model`` for every seed, and predict the test split of the task.

    Args:
        config: ``seed`` is replaced.
        out: gets ``model/`` of the first seed, never of the best one on the test, with hashes of
            the training sequences; one line an epoch in ``finetune.jsonl``; and what is finished,
            in ``parts/``.
        model_hash: of the weights: finished seeds of other weights, settings or sequences do not
            count.
    """
    runs: list[SeedRun] = []
    data = {"model": model_hash, "task": task.fingerprint(), "head": head.to_dict()}
    for place, seed in enumerate(seeds):
        own = dataclasses.replace(config, seed=seed)
        settings = {**data, "config": own.settings()}
        path = kept_path(out / PARTS, f"seed-{seed}", settings)
        state = path.with_suffix(".state")
        run = on_first(partial(_finished, path, seed))
        if run and place == 0 and not on_first(partial(_is_kept, out / MODEL, settings)):
            run = None
            # Its weights are gone: until they are trained again, nothing of it counts.
            on_first(path.unlink)
        if run is None:
            said = f"finetune, seed {seed} ({place + 1} of {len(seeds)})"
            on_first(partial(_write_history, out / HISTORY, runs))
            log = partial(_log, out / HISTORY, seed)
            run = _train(
                model, task, head, own, out / MODEL if place == 0 else None, state, settings,
                said, log, batch_tokens, device,
            )  # fmt: skip
            about = {
                name: getattr(run, name)
                for name in ("history", "best_epoch", "validation", "ratio_targets")
            }
            on_first(partial(write_kept, path, {"probabilities": run.probabilities}, about))
        elif is_first():
            print(f"seed {seed} is finished: {path}", file=sys.stderr)
        # Also what a run left that was killed just before it did.
        on_first(partial(state.unlink, missing_ok=True))
        if place == 0:
            on_first(lambda: write_trained_on(locate(out / MODEL).weights, task.train.sequences))
        runs.append(run)
    on_first(partial(_write_history, out / HISTORY, runs))
    return runs


def _train(
    model: HNetLanguageModel,
    task: Task,
    head: HeadConfig,
    config: FinetuneConfig,
    folder: Path | None,
    state: Path,
    settings: dict[str, Any],
    said: str,
    on_epoch: Callable[[dict[str, Any]], None],
    batch_tokens: int,
    device: str | None,
) -> SeedRun:
    tuned = HNetForSequenceClassification.from_causal_lm(
        copy.deepcopy(model), head, seed=config.seed
    )
    tuned.metadata[_SETTINGS] = settings_hash(settings)
    held = task.validation
    found = finetune(
        tuned,
        task.train.sequences,
        head_labels(task, task.train),
        config,
        groups=task.train.together,
        validation=None if held is None else (held.sequences, head_labels(task, held)),
        folder=folder,
        resume=state,
        on_epoch=on_epoch,
        device=device,
        progress=said,
    )
    probabilities = on_first(
        lambda: predict(
            tuned,
            task.test.sequences,
            batch_tokens=batch_tokens,
            device=device,
            precision=config.precision,
        )
    )
    return SeedRun(
        config.seed,
        probabilities,
        found.history,
        found.best_epoch,
        len(found.validation),
        found.ratio_targets,
    )


def head_of(task: Task, pooling: str, stage: int, *, markers: bool) -> HeadConfig:
    """The head that a task needs."""
    if task.problem == "classes":
        return HeadConfig("single_label", task.classes, pooling, stage, markers=markers)
    return HeadConfig.from_labels(
        "multi_label" if task.problem == "multi-label" else "regression",
        head_labels(task, task.train),
        pooling=pooling,
        stage=stage,
        names=task.classes,
        markers=markers,
    )


def head_labels(task: Task, examples: Examples) -> Any:
    """The labels of N examples as :meth:`HeadConfig.from_labels` takes them."""
    if examples.targets is None:
        return [task.classes[number] for number in examples.labels]
    if task.problem == "regression":
        return examples.targets
    return [[task.classes[at] for at in np.flatnonzero(row)] for row in examples.targets]


def _finished(path: Path, seed: int) -> SeedRun | None:
    kept = read_kept(path)
    return None if kept is None else SeedRun(seed, kept[0]["probabilities"], **kept[1])


def _is_kept(folder: Path, settings: dict[str, Any]) -> bool:
    """Whether the model in the folder is the one that these settings give."""
    try:
        model = HNetForSequenceClassification.from_pretrained(folder, device="cpu")
    except (OSError, ValueError, SafetensorError):
        return False
    return model.metadata.get(_SETTINGS) == settings_hash(settings)


def _write_history(path: Path, finished: Sequence[SeedRun]) -> None:
    """The epochs of the finished seeds, and nothing else."""
    with replaced_file(path) as stream:
        for run in finished:
            for record in run.history:
                stream.write(_line(run.seed, record) + "\n")


def _log(path: Path, seed: int, record: dict[str, Any]) -> None:
    append_line(path, _line(seed, record))


def _line(seed: int, record: dict[str, Any]) -> str:
    return Log.line({"seed": seed, **record})
