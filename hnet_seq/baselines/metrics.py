"""Accuracy, macro F1, Matthews correlation, areas under the ROC and precision-recall curves.

For two classes or more. Everything is written for weighted sequences, many weightings at once: a
bootstrap is such a weighting, so a score and its interval come from the same lines.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Metrics(TypedDict):
    """Scores of one set of predictions, see :func:`classification_metrics`."""

    accuracy: float
    f1: float
    mcc: float
    auroc: float | None
    auprc: float | None


METRICS = ("accuracy", "f1", "mcc", "auroc", "auprc")


def classification_metrics(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> Metrics:
    """Scores of predicted probabilities.

    Args:
        probabilities: (N, C), rows sum to 1; the class of the largest is the prediction.
        labels: (N,) class numbers 0 .. C - 1.

    Returns:
        accuracy in 0..1; f1 in 0..1, the mean of the F1 of each class that occurs or is predicted;
        mcc in -1..1, 0 for a constant prediction (R_K of Gorodkin, Comput. Biol. Chem. 28, 2004,
        which is MCC for two classes); auroc and auprc in 0..1, the mean over the classes that occur
        of each against the rest. auprc is the average precision, which a constant prediction has at
        the share of the class. Both are None where only one class occurs.
    """
    weighted = weighted_metrics(probabilities, labels, np.ones((len(labels), 1)))
    accuracy, f1, mcc, auroc, auprc = (float(weighted[name][0]) for name in METRICS)
    return Metrics(
        accuracy=accuracy,
        f1=f1,
        mcc=mcc,
        auroc=None if np.isnan(auroc) else auroc,
        auprc=None if np.isnan(auprc) else auprc,
    )


def weighted_metrics(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], weights: Floats
) -> dict[str, Floats]:
    """Each metric under R weightings of the sequences, (R,) by name.

    Args:
        probabilities, labels: see :func:`classification_metrics`.
        weights: (N, R), how often each sequence counts; every column has a sum above 0. In single
            precision this is twice as fast, and exact to seven digits.

    Returns:
        auroc and auprc are NaN where only one class has weight.
    """
    classes = np.arange(probabilities.shape[1])[:, None]
    is_true = labels == classes  # (C, N)
    is_predicted = probabilities.argmax(1) == classes
    total = weights.sum(0, dtype=np.float64)
    true, predicted, hits = (
        (member.astype(weights.dtype) @ weights).astype(np.float64)
        for member in (is_true, is_predicted, is_true & is_predicted)
    )
    right = hits.sum(0)
    mcc = _correlation(total, right, true, predicted)
    either = true + predicted
    f1 = (2 * hits / np.maximum(either, 1e-300)).sum(0) / (either > 0).sum(0)
    auroc, auprc = _curves(probabilities, is_true, weights, true, total)
    return {"accuracy": right / total, "f1": f1, "mcc": mcc, "auroc": auroc, "auprc": auprc}


def matthews_correlation(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int
) -> float:
    """MCC of predicted classes (N,), see :func:`classification_metrics`."""
    total, right = float(len(labels)), float(np.count_nonzero(predicted == labels))
    true, guessed = (
        np.bincount(numbers, minlength=num_classes).astype(np.float64)[:, None]
        for numbers in (labels, predicted)
    )
    return float(_correlation(np.array([total]), np.array([right]), true, guessed)[0])


def _correlation(total: Floats, right: Floats, true: Floats, predicted: Floats) -> Floats:
    """From counts (R,) and counts by class (C, R)."""
    covariance = total * right - (true * predicted).sum(0)
    variances = (total**2 - (true**2).sum(0)) * (total**2 - (predicted**2).sum(0))
    return np.where(variances > 0, covariance / np.sqrt(np.where(variances > 0, variances, 1)), 0.0)


def _curves(
    probabilities: NDArray[np.floating],
    is_true: NDArray[np.bool_],
    weights: Floats,
    true: Floats,
    total: Floats,
) -> tuple[Floats, Floats]:
    """Means of the areas under both curves over the classes that occur, (R,) each."""
    areas = np.zeros((2, len(total)))
    occurring = np.zeros(len(total))
    for index, positive in enumerate(is_true):
        if not positive.any():
            continue
        usable = (true[index] > 0) & (true[index] < total)
        both = np.stack(_areas(probabilities[:, index], positive, weights))
        areas += np.where(usable, both, 0)
        occurring += usable
    with np.errstate(invalid="ignore"):
        roc, precision = np.where(occurring > 0, areas / occurring, np.nan)
    return roc, precision


def _areas(
    scores: NDArray[np.floating], positive: NDArray[np.bool_], weights: Floats
) -> tuple[Floats, Floats]:
    """Under the ROC curve and the average precision, of a class against the rest, (R,) each."""
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], positive[order]
    ends = np.append(ordered[1:] != ordered[:-1], True)  # of the sequences with one score
    last = np.flatnonzero(ends)[np.cumsum(ends) - ends]
    found = np.cumsum(weights[order], 0)
    rows = np.flatnonzero(positive)
    drawn = weights[order[rows]]  # (P, R), of the class
    hits = np.cumsum(drawn, 0)
    total, true = found[-1], hits[-1]
    # Everything of one score counts together: both sums are taken where the score ends.
    to_here = found[last[rows]]
    hits = hits[np.cumsum(positive)[last[rows]] - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = (drawn * hits / np.maximum(to_here, 1e-30)).sum(0, dtype=np.float64) / true
        misses = to_here - hits
        if not ends.all():  # half of the others of the same score stand below
            first = np.flatnonzero(np.append(True, ends[:-1]))[np.cumsum(ends) - ends][rows]
            before = np.concatenate([np.zeros_like(total)[None], found])[first]
            hits_before = np.concatenate([np.zeros_like(total)[None], np.cumsum(drawn, 0)])[
                np.cumsum(positive)[first] - positive[first]
            ]
            misses = (misses + before - hits_before) / 2
        above = (drawn * misses).sum(0, dtype=np.float64)
        roc = 1 - above / (true.astype(np.float64) * (total - true))
    return roc, precision
