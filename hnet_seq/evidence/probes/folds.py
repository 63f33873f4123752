"""Folds of a training split, to choose a setting by without a look at the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

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
    number = np.unique(labels, return_inverse=True)[1]
    counts = np.zeros((int(group.max()) + 1, int(number.max()) + 1))
    np.add.at(counts, (group, number), 1)
    rarest = int((counts > 0).sum(0).min())
    if rarest < 2:
        return []
    fold = _draw(counts, min(_FOLDS, rarest), np.random.default_rng(seed))[group]
    drawn = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(fold.max() + 1)]
    # Where groups are few and large, a fold may come out empty or take a whole class.
    return [
        (fit, held_out)
        for fit, held_out in drawn
        if len(held_out) and len(np.unique(labels[fit])) == counts.shape[1]
    ]


def _draw(
    counts: NDArray[np.float64], folds: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """(G,) the fold of each group, from how many members of each class it has, (G, C).

    Groups with much of a class are placed first, each in the fold that leaves every class and the
    sizes most even. scikit-learn's StratifiedGroupKFold does so too, in one order: its seed decides
    only between equals. Here the order is drawn, by sizes times a number of 0.5 to 1.5 each.
    """
    # A column a class and one for all, as shares: a rare class counts as much as a common one.
    shares = np.column_stack([counts / counts.sum(0), counts.sum(1) / counts.sum()])
    order = np.argsort(-shares.max(1) * generator.uniform(0.5, 1.5, len(shares)), kind="stable")
    held = np.zeros((folds, shares.shape[1]))
    found = np.zeros(len(shares), np.int64)
    # The first fold of those that are equally good would get what is left over of every class.
    ties = generator.random((len(shares), folds)) * 1e-9
    for group in order:
        # The squares grow by 2 held * share and a term that is the same for every fold.
        fold = int((held @ shares[group] + ties[group]).argmin())
        found[group] = fold
        held[fold] += shares[group]
    return found
