"""How sure a score is: percentile bootstrap over the test sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.baselines.metrics import METRICS, weighted_metrics

REPLICATES = 1000
_COUNTS = 1 << 17  # weights at a time: they and their sums stay in the cache

Intervals = dict[str, list[float] | None]


def bootstrap_intervals(
    probabilities: Sequence[NDArray[np.floating]],
    labels: NDArray[np.integer],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Intervals:
    """95% intervals of each metric's mean over seeds (Efron and Tibshirani 1993, section 13.3).

    Each replicate draws N of the N test sequences with replacement, the same ones for every seed of
    training; an interval so tells of the test split, not of the training. Rows of one table that
    are given the same ``seed`` see the same draws.

    Args:
        probabilities: (N, C) for each seed of training.
        labels: (N,).

    Returns:
        [low, high] by metric; None where the metric is not defined on any draw.
    """
    parts = [
        [weighted_metrics(each, labels, weights) for each in probabilities]
        for weights in _resamples(len(labels), replicates, seed)
    ]
    intervals: Intervals = {}
    for name in METRICS:
        values = np.concatenate([np.mean([of[name] for of in part], axis=0) for part in parts])
        values = values[~np.isnan(values)]
        ends = np.percentile(values, [2.5, 97.5]).tolist() if len(values) else None
        intervals[name] = ends
    return intervals


def _resamples(size: int, replicates: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """How often each of ``size`` sequences is drawn, (``size``, replicates of a part)."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _COUNTS // size)
    for begin in range(0, replicates, at_once):
        count = min(at_once, replicates - begin)
        drawn = generator.integers(size, size=(count, size)) * count + np.arange(count)[:, None]
        counted = np.bincount(drawn.ravel(), minlength=size * count)
        yield counted.reshape(size, count).astype(np.float32)
