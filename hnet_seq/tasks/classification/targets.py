"""Probes and baselines of a task whose rows have several labels, or numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.probes.sequence_features import baseline_features, gc_share
from hnet_seq.evidence.probes.target_probes import TargetModel, fit_targets, predict_targets
from hnet_seq.tasks.classification.arguments import DEFAULT_PROBE
from hnet_seq.tasks.classification.task import Task


def targets_of(task: Task, split: str) -> NDArray[np.float64]:
    """(N, C) of a split, see :class:`hnet_seq.evidence.audit.examples.Examples`."""
    targets = task.splits[split].targets
    assert targets is not None, task.problem
    return targets


def fit_target_probe(task: Task, kind: str, features: np.ndarray, seed: int) -> TargetModel:
    """A probe on (N, F) features of the training split."""
    return fit_targets(
        task.problem, kind, features, targets_of(task, "train"), task.train.together, seed
    )


def target_baselines(
    task: Task, *, both_strands: bool, seed: int
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Name and predictions (N, C) of the test split of each baseline."""
    train, test = task.train.sequences, task.test.sequences
    mean = targets_of(task, "train").mean(0)
    name = "mean of the training rows" if task.problem == "regression" else "share of each label"
    yield name, np.tile(mean, (len(test), 1))
    named = list(baseline_features(train, test, both_strands=both_strands))
    if task.problem == "regression":
        shares = gc_share(train)[:, None], gc_share(test)[:, None]
        named.insert(1, ("share of G and C", *shares))
    for name, own, others in named:
        model = fit_target_probe(task, DEFAULT_PROBE, own, seed)
        yield name, predict_targets(model, others)
