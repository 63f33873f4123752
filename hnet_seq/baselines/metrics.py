"""Accuracy, Matthews correlation, area under the ROC curve and F1, for two classes or more."""

from __future__ import annotations

from typing import Literal, TypedDict

import numpy as np
from sklearn.metrics import roc_auc_score


class Metrics(TypedDict):
    accuracy: float
    mcc: float
    auroc: float | None
    f1: float


class ScoreRow(Metrics):
    """One line of a classification table."""

    name: str
    kind: Literal["model", "baseline"]


def classification_metrics(probabilities: np.ndarray, labels: np.ndarray) -> Metrics:
    """Scores of predicted probabilities.

    Args:
        probabilities: (N, C), rows sum to 1; the class of the largest is the prediction.
        labels: (N,) class numbers 0 .. C - 1.

    Returns:
        accuracy in 0..1; mcc in -1..1, 0 for a constant prediction; auroc in 0..1, of class 1 for
        two classes, else the mean of each class against the rest over the classes that occur.
        auroc is None where only one class occurs. f1 in 0..1, the mean of the F1 of each class that
        occurs or is predicted.
    """
    predicted = probabilities.argmax(1)
    present = np.unique(labels)
    if len(present) < 2:
        auroc = None
    elif probabilities.shape[1] == 2:
        auroc = float(roc_auc_score(labels, probabilities[:, 1]))
    else:
        auroc = float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in present]))
    return Metrics(
        accuracy=float(np.mean(predicted == labels)),
        mcc=_matthews_correlation(predicted, labels, probabilities.shape[1]),
        auroc=auroc,
        f1=_macro_f1(predicted, labels, probabilities.shape[1]),
    )


def _macro_f1(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> float:
    hits = np.bincount(labels[predicted == labels], minlength=num_classes)
    either = np.bincount(predicted, minlength=num_classes) + np.bincount(
        labels, minlength=num_classes
    )
    return float((2 * hits / np.maximum(either, 1))[either > 0].mean())


def _matthews_correlation(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> float:
    """R_K of Gorodkin (Comput. Biol. Chem. 28, 2004), which is MCC for two classes."""
    true_count = np.bincount(labels, minlength=num_classes).astype(np.float64)
    predicted_count = np.bincount(predicted, minlength=num_classes).astype(np.float64)
    count = float(len(labels))
    covariance = count * np.count_nonzero(predicted == labels) - true_count @ predicted_count
    variances = (count**2 - true_count @ true_count) * (
        count**2 - predicted_count @ predicted_count
    )
    return float(covariance / np.sqrt(variances)) if variances > 0 else 0.0


def score_row(
    name: str,
    kind: Literal["model", "baseline"],
    probabilities: np.ndarray,
    labels: np.ndarray,
) -> ScoreRow:
    """A named line of metrics, see :func:`classification_metrics`."""
    return ScoreRow(name=name, kind=kind, **classification_metrics(probabilities, labels))


def format_table(rows: list[ScoreRow]) -> str:
    """Rows as aligned text, models above baselines in the order given."""
    width = max(len("classifier"), *(len(row["name"]) for row in rows))
    lines = [f"{'classifier':{width}}  accuracy    MCC  AUROC     F1"]
    for row in rows:
        auroc = "  n/a" if row["auroc"] is None else f"{row['auroc']:5.3f}"
        lines.append(
            f"{row['name']:{width}}  {row['accuracy']:8.3f}  {row['mcc']:5.3f}  {auroc}  "
            f"{row['f1']:5.3f}"
            f"{'  (baseline)' if row['kind'] == 'baseline' else ''}"
        )
    return "\n".join(lines)
