"""Folds of a training split, to choose a setting by without a look at the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

_FOLDS = 5

Fold: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices to fit on, and indices held out."""


def stratified_folds(
    labels: NDArray[np.integer], groups: Sequence[str] | None = None, *, seed: int = 0
) -> list[Fold]:
    """Five folds, or as many as the rarest class has members (groups); none where it has one.

    Args:
        labels: (N,) class numbers.
        groups: N names; the members of a group are held out together.
        seed: of the draw.

    Returns:
        folds that all fit on every class.
    """
    if groups is None:
        rarest = int(np.bincount(labels)[np.unique(labels)].min())
        if rarest < 2:
            return []
        splitter = StratifiedKFold(min(_FOLDS, rarest), shuffle=True, random_state=seed)
        return list(splitter.split(labels, labels))
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    rarest = min(len(set(group[labels == each].tolist())) for each in np.unique(labels))
    if rarest < 2:
        return []
    grouped = StratifiedGroupKFold(min(_FOLDS, rarest), shuffle=True, random_state=seed)
    classes = len(np.unique(labels))
    # Where groups are few and large, a fold may come out empty or take a whole class.
    return [
        (fit, held_out)
        for fit, held_out in grouped.split(labels, labels, group)
        if len(held_out) and len(np.unique(labels[fit])) == classes
    ]
