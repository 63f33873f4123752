"""Accuracy, macro F1, Matthews correlation, areas under the ROC and precision-recall curves.

For two classes or more. The first three are functions of a confusion matrix, of which many can be
given at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.results.classification import Bin, Calibration, Metrics

Floats = NDArray[np.floating]


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
    from sklearn.metrics import average_precision_score, roc_auc_score  # seconds, as torch

    counted = confusion(probabilities.argmax(1), labels, probabilities.shape[1])
    accuracy, f1, mcc = (float(value) for value in confusion_metrics(counted).values())
    rest = [(labels == c, probabilities[:, c]) for c in np.unique(labels)]
    curves = (
        float(np.mean([area(*pair) for pair in rest])) if len(rest) > 1 else None
        for area in (roc_auc_score, average_precision_score)
    )
    auroc, auprc = curves
    return Metrics(accuracy=accuracy, f1=f1, mcc=mcc, auroc=auroc, auprc=auprc)


def confusion(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int
) -> NDArray[np.int64]:
    """(C, C) how many of each true class (a row) were called what, from (N,) each."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def confusion_metrics(counts: NDArray[np.integer] | Floats) -> dict[str, Floats]:
    """accuracy, f1 and mcc of confusion matrices, a row a true class: (C, C, ...) to (...)."""
    return {name: confusion_metric(name, counts) for name in ("accuracy", "f1", "mcc")}


def confusion_metric(name: str, counts: NDArray[np.integer] | Floats) -> Floats:
    """One of :func:`confusion_metrics`."""
    counts = counts.astype(np.float64)
    total = counts.sum((0, 1))
    hits = counts[(np.arange(len(counts)),) * 2]
    right: Floats = hits.sum(0)
    if name == "accuracy":
        return right / total
    true, predicted = counts.sum(1), counts.sum(0)
    if name == "f1":
        either = true + predicted
        f1: Floats = (2 * hits / np.maximum(either, 1e-300)).sum(0) / (either > 0).sum(0)
        return f1
    covariance = total * right - (true * predicted).sum(0)
    variances = (total**2 - (true**2).sum(0)) * (total**2 - (predicted**2).sum(0))
    known = variances > 0
    return np.where(known, covariance / np.sqrt(np.where(known, variances, 1)), 0.0)


def confusion_slopes(name: str, shares: Floats) -> Floats:
    """How a metric of :func:`confusion_metrics` grows with each cell of a confusion matrix.

    Args:
        shares: (C, C, R), each sums to 1; every class occurs and is predicted.

    Returns:
        (C, C, R): the influence of a sequence of that cell; its mean over ``shares`` is 0.
    """
    true, predicted = shares.sum(1), shares.sum(0)
    hits = shares[(np.arange(len(shares)),) * 2]
    right = hits.sum(0)
    same = np.eye(len(shares))[:, :, None]
    if name == "accuracy":
        return same - right
    if name == "f1":
        either = true + predicted
        lost = 2 * hits / either**2
        return (2 * same / either[:, None] - lost[:, None] - lost) / len(shares)
    of_true, of_predicted = 1 - (true**2).sum(0), 1 - (predicted**2).sum(0)
    scale = np.sqrt(of_true * of_predicted)
    mcc = (right - (true * predicted).sum(0)) / scale
    slope = (right + same - predicted[:, None] - true) / scale
    narrower = (1 - true[:, None]) / of_true + (1 - predicted) / of_predicted
    return np.asarray(slope - mcc * narrower)


def matthews_correlation(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int
) -> float:
    """MCC of predicted classes (N,), see :func:`classification_metrics`."""
    return float(confusion_metric("mcc", confusion(predicted, labels, num_classes)))


BINS = 10


def calibration(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, bins: int = BINS
) -> Calibration:
    """Confidence, the largest probability of a sequence, against how often the prediction is right.

    Bins have equal mass: as many sequences each as can be (sequences of one confidence stay
    together, so that a constant prediction has one bin). The expected calibration error is the mean
    over sequences of the absolute gap of their bin (Guo et al. 2017, equation 3, there with bins of
    equal width).

    Args:
        probabilities: (N, C). labels: (N,).
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    _, inverse, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    # A value goes to the bin of its middle sequence.
    middle = np.cumsum(counts) - (counts + 1) / 2
    member = (middle * bins / len(labels)).astype(np.int64)[inverse]
    found: list[Bin] = []
    for number in np.unique(member):
        inside = member == number
        found.append(
            Bin(
                confidence=float(confidence[inside].mean()),
                accuracy=float(right[inside].mean()),
                count=int(inside.sum()),
            )
        )
    gaps = [each["count"] * abs(each["confidence"] - each["accuracy"]) for each in found]
    return Calibration(bins=found, ece=sum(gaps) / len(labels))
