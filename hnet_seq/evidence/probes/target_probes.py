"""Probes for several labels at once, and for numbers, on any features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.probes.ridge import RidgeModel, fit_ridge
from hnet_seq.evidence.probes.table import PROBES, ProbeModel

RIDGE = "ridge"


@dataclass(frozen=True)
class OneVsRest:
    """A probe of each of C labels by itself.

    Attributes:
        kind: of :data:`hnet_seq.evidence.probes.table.PROBES`.
        models: of each label; the share of the training rows, 0 or 1, where none or all have it.
    """

    kind: str
    models: list[ProbeModel | float]

    def predict(self, features: np.ndarray) -> NDArray[np.float64]:
        """(N, F) to the probability of each label, (N, C)."""
        columns = [
            np.full(len(features), model)
            if isinstance(model, float)
            else model.predict_proba(features)[:, 1]
            for model in self.models
        ]
        return np.stack(columns, 1)


TargetModel: TypeAlias = OneVsRest | RidgeModel


def fit_targets(
    problem: str,
    kind: str,
    features: np.ndarray,
    targets: np.ndarray,
    groups: Sequence[str] | None,
    seed: int,
) -> TargetModel:
    """Fit on a training split; the test split has no say in anything.

    Args:
        problem: ``multi-label`` or ``regression``.
        kind: of the probes of labels; numbers have ridge regression.
        features: (N, F). targets: (N, C) of 0 and 1, or (N, 1) numbers.
        groups, seed: of the folds that choose the settings.
    """
    if problem == "regression":
        numbers = np.arange(len(targets)) if groups is None else _numbers(groups)
        return fit_ridge(features, targets[:, 0], numbers, seed=seed)
    fit = PROBES[kind][1]
    models: list[ProbeModel | float] = []
    for column in targets.astype(np.int64).T:
        share = float(column.mean())
        if share in (0.0, 1.0):
            models.append(share)
        else:
            models.append(fit(features, column, num_classes=2, groups=groups, seed=seed))
    return OneVsRest(kind, models)


def predict_targets(model: TargetModel, features: np.ndarray) -> NDArray[np.float64]:
    """(N, F) to (N, C) probabilities, or (N, 1) numbers."""
    found = model.predict(features)
    return found[:, None] if isinstance(model, RidgeModel) else found


def _numbers(groups: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
