"""Intervals of classification scores under the name they had when they were drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.class_intervals import Intervals, Predictions, class_intervals


def bootstrap_intervals(
    probabilities: Predictions,
    labels: NDArray[np.integer],
    *,
    replicates: int | None = None,
    seed: int | None = None,
) -> Intervals:
    """:func:`class_intervals`, which draws nothing: ``replicates`` and ``seed`` change nothing."""
    del replicates, seed
    return class_intervals(probabilities, labels)
