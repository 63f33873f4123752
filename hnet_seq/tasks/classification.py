"""Frozen probes on a model's vectors, beside baselines that see no model.

The model is not trained: its vectors are standardised and go to a logistic regression, whose
penalty is chosen inside the training split. What a test scores is thus the representation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from hnet_seq.baselines.duplicates import Duplicates, count_duplicates
from hnet_seq.baselines.logistic import LogisticModel, fit_logistic
from hnet_seq.baselines.metrics import ScoreRow, score_row
from hnet_seq.baselines.sequence_features import score_baselines
from hnet_seq.heads.pooling import CHUNK_POOLINGS
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.embed import BATCH_TOKENS, Strands, embed_poolings
from hnet_seq.tasks.labelled_table import read_table
from hnet_seq.tasks.windows import LabelledWindows
from modalities.base import Tokens
from modalities.errors import InputError

MODEL_ROWS = {
    "chunks": "H-Net, mean over chunks",
    "chunks_weighted": "H-Net, mean over chunks by bases",
    "bases": "H-Net, mean over bases",
    "last": "H-Net, last position",
}


@dataclass(frozen=True)
class Examples:
    """N labelled sequences.

    Attributes:
        sequences: tokens of each.
        labels: (N,) class numbers.
        names: where each comes from, for messages.
    """

    sequences: list[Tokens]
    labels: NDArray[np.int64]
    names: list[str]


@dataclass(frozen=True)
class Task:
    """What to learn from, and what to be tested on.

    Attributes:
        name: what ``classification.json`` calls it.
        classes: sorted names; class number i is ``classes[i]``, on every machine.
        about: where the sequences come from, for ``classification.json``.
    """

    name: str
    classes: list[str]
    train: Examples
    test: Examples
    about: dict[str, Any]


@dataclass(frozen=True)
class Classification:
    """The outcome: one row for each pooling and each baseline, and the probes themselves."""

    rows: list[ScoreRow]
    probes: dict[str, LogisticModel]
    duplicates: Duplicates


def classify(
    model: HNetLanguageModel,
    task: Task,
    *,
    poolings: Sequence[str],
    stage: int = -1,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    device: str | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Classification:
    """Fit a probe for each pooling, and every baseline, on ``task.train``; score on ``task.test``.

    Args:
        poolings, stage, strands, batch_tokens, device: see :func:`hnet_seq.tasks.embed.embed`.
        seed: of the folds that choose the penalties.
    """
    train, test = task.train, task.test
    vectors = embed_poolings(
        model,
        [*train.sequences, *test.sequences],
        poolings=poolings,
        stage=stage,
        strands=strands,
        batch_tokens=batch_tokens,
        device=device,
        progress=progress,
    )
    rows: list[ScoreRow] = []
    probes: dict[str, LogisticModel] = {}
    num_classes = len(task.classes)
    for pooling in poolings:
        fit, held_out = np.split(vectors[pooling], [len(train.sequences)])
        probe = fit_logistic(fit, train.labels, num_classes=num_classes, seed=seed)
        probes[pooling] = probe
        rows.append(
            score_row(MODEL_ROWS[pooling], "model", probe.predict_proba(held_out), test.labels)
        )
    rows += score_baselines(
        train.sequences,
        train.labels,
        test.sequences,
        test.labels,
        num_classes=num_classes,
        both_strands=strands == "average",
        seed=seed,
    )
    duplicates = count_duplicates(
        train.sequences,
        train.labels,
        test.sequences,
        test.labels,
        train_names=train.names,
        test_names=test.names,
    )
    return Classification(rows, probes, duplicates)


def default_poolings(model: HNetLanguageModel) -> list[str]:
    """What ``classify train`` compares, the one whose probe it keeps first."""
    poolings = ["chunks", "bases", "last"]
    return poolings if model.num_stages else [p for p in poolings if p not in CHUNK_POOLINGS]


def task_from_table(path: str | Path, *, test_fraction: float = 0.2, seed: int = 0) -> Task:
    """A task from a table, see :func:`hnet_seq.tasks.labelled_table.read_table`.

    Args:
        test_fraction: drawn at random, in equal shares of every class, from a table without a
            ``split`` column.
        seed: of that draw.

    Raises:
        InputError: a row of the table is wrong, there is one class only, a class of the test split
            is not in train, or a split is empty.
    """
    rows = read_table(path)
    classes = sorted({str(row.label) for row in rows})
    if len(classes) < 2:
        raise InputError(
            path,
            f"all {len(rows)} rows have the label {classes[0]!r}; a classifier needs two classes",
            where="column label",
        )
    number = {name: index for index, name in enumerate(classes)}
    labels = np.array([number[str(row.label)] for row in rows])
    about: dict[str, Any] = {"table": Path(path).name}
    if rows[0].split is None:
        is_test = _random_split(path, labels, classes, test_fraction, seed)
        about["split"] = f"random, stratified, {test_fraction:g} for testing"
    else:
        is_test = np.array([row.split == "test" for row in rows])
        about["split"] = "given"
    for name, members in (("train", ~is_test), ("test", is_test)):
        if not members.any():
            raise InputError(path, f"no row is in {name}; add some", where="column split")
    missing = sorted(set(labels.tolist()) - set(labels[~is_test].tolist()))
    if missing:
        raise InputError(
            path,
            f"no training row has the label {classes[missing[0]]!r}; remove it from test, or move "
            "rows of it to train",
            where="column split",
        )

    def pick(members: NDArray[np.bool_]) -> Examples:
        picked = [rows[i] for i in np.flatnonzero(members)]
        names = [f"line {row.line}" for row in picked]
        return Examples([row.tokens for row in picked], labels[members], names)

    return Task(Path(path).name, classes, pick(~is_test), pick(is_test), about)


def _random_split(
    path: str | Path,
    labels: NDArray[np.int64],
    classes: list[str],
    test_fraction: float,
    seed: int,
) -> NDArray[np.bool_]:
    rarest = int(np.bincount(labels).argmin())
    try:
        _, test = train_test_split(
            np.arange(len(labels)), test_size=test_fraction, stratify=labels, random_state=seed
        )
    except ValueError:
        raise InputError(
            path,
            f"{len(labels)} rows, {int((labels == rarest).sum())} of them {classes[rarest]!r}, "
            f"are too few to hold out {test_fraction:g} of every class; add rows or a split column",
        ) from None
    is_test = np.zeros(len(labels), bool)
    is_test[test] = True
    return is_test


def task_from_windows(windows: LabelledWindows, about: dict[str, Any]) -> Task:
    """Coding against intergenic windows as a task."""
    classes = sorted({window.label for window in windows.train})

    def examples(split: str) -> Examples:
        members = windows.train if split == "train" else windows.test
        return Examples(
            [window.tokens for window in members],
            np.array([classes.index(window.label) for window in members]),
            [f"{window.record}:{window.start + 1}-{window.end}" for window in members],
        )

    return Task(
        "coding against intergenic windows",
        classes,
        examples("train"),
        examples("test"),
        {
            **about,
            "regions": windows.regions,
            "windows_found": windows.found,
            "windows_with_unknown_bases_left_out": windows.with_unknown,
        },
    )
