"""Which training rows a probe of few shots sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.tasks.benchmarking.cells import FULL
from hnet_seq.tasks.classification.targets import targets_of
from hnet_seq.tasks.classification.task import Task
from hnet_seq.train.grouped_draw import rank_bins

FIFTHS = 5
"""Parts of the range of numbers, by rank, of which rows are drawn as of classes."""


def drawn_rows(task: Task, shots: int, seed: int) -> NDArray[np.int64]:
    """Sorted places in train: ``shots`` of each class, or of each fifth of numbers by their rank.

    A class with fewer rows gives all of them. Every predictor of a seed sees the same rows.
    """
    count = len(task.train.labels)
    if shots == FULL:
        return np.arange(count)
    kinds = task.train.labels
    if task.problem == "regression":
        kinds = rank_bins(targets_of(task, "train")[:, 0], FIFTHS)
    order = np.random.default_rng([seed, shots]).permutation(count)
    found = [order[kinds[order] == kind][:shots] for kind in np.unique(kinds)]
    return np.sort(np.concatenate(found)).astype(np.int64)
