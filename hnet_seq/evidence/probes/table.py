"""The classifiers that are put on frozen vectors, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hnet_seq.evidence.probes.linear_svm import LinearSVM, fit_linear_svm
from hnet_seq.evidence.probes.logistic import LogisticModel, fit_logistic
from hnet_seq.evidence.probes.nearest_neighbours import NearestNeighbours, fit_nearest_neighbours

ProbeModel: TypeAlias = LogisticModel | LinearSVM | NearestNeighbours

PROBES: dict[str, tuple[type[ProbeModel], Callable[..., ProbeModel], str]] = {
    "logistic": (LogisticModel, fit_logistic, ""),
    "svm": (LinearSVM, fit_linear_svm, ", linear SVM"),
    "knn": (NearestNeighbours, fit_nearest_neighbours, ", nearest neighbours"),
}
"""Of each: its class; what fits it; and what is added to the name of its row."""


def kind_of(model: ProbeModel) -> str:
    """The name of a probe's kind."""
    return next(kind for kind, (cls, _, _) in PROBES.items() if isinstance(model, cls))
