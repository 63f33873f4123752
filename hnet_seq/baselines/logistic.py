"""Standardise, then logistic regression, with its penalty chosen inside the training split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

PENALTIES = tuple(10.0**exponent for exponent in range(-5, 2))
"""Inverse penalties C that are tried; features are standardised, so one grid serves all."""

_FOLDS = 5
_TOLERANCE = 1e-3  # of the gradient; probabilities move in the fourth digit


@dataclass(frozen=True)
class LogisticModel:
    """A fitted classifier of F features and C classes.

    Attributes:
        mean, scale: (F,) of the training features; constant features have scale 1.
        coefficients: (C, F) fp64, intercepts: (C,); two classes have one row, for class 1.
        inverse_penalty: the chosen C of scikit-learn's LogisticRegression.
    """

    mean: np.ndarray
    scale: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    inverse_penalty: float

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(N, F) to the probabilities of the classes, (N, C) fp64."""
        scores = (features - self.mean) / self.scale @ self.coefficients.T + self.intercepts
        if scores.shape[1] == 1:
            scores = np.concatenate([np.zeros_like(scores), scores], 1)
        scores = np.exp(scores - scores.max(1, keepdims=True))
        return scores / scores.sum(1, keepdims=True)


def fit_logistic(
    features: np.ndarray, labels: np.ndarray, *, num_classes: int, seed: int = 0
) -> LogisticModel:
    """Fit on a training split; the test split has no say in anything.

    Args:
        features: (N, F).
        labels: (N,) class numbers; every class of 0 .. ``num_classes`` - 1 occurs.
        seed: of the folds. The penalty with the lowest log loss over stratified folds (5, or as
            many as the rarest class has members) wins; with a single member it is 1.

    Raises:
        ValueError: fewer than two classes, one that never occurs, or a feature that is no number.
    """
    counts = np.bincount(labels, minlength=num_classes)
    if num_classes < 2 or counts.min() == 0:
        raise ValueError(f"each of two or more classes must occur; their counts are {counts}")
    if not np.isfinite(features).all():
        raise ValueError("features hold NaN or infinity")
    features = features.astype(np.float64)
    mean, scale = features.mean(0), features.std(0)
    scale[scale <= 1e-12 * np.maximum(1, np.abs(mean))] = 1
    standardised = (features - mean) / scale
    penalty = _choose_penalty(standardised, labels, int(counts.min()), seed)
    fitted = _regression().set_params(C=penalty).fit(standardised, labels)
    return LogisticModel(mean, scale, fitted.coef_, fitted.intercept_, penalty)


def _choose_penalty(features: np.ndarray, labels: np.ndarray, rarest: int, seed: int) -> float:
    if rarest < 2:
        return 1.0
    folds = StratifiedKFold(min(_FOLDS, rarest), shuffle=True, random_state=seed)
    losses = np.zeros(len(PENALTIES))
    for fit, held_out in folds.split(features, labels):
        x, y = features[fit], labels[fit]
        regression = _regression().set_params(warm_start=True)
        best = np.inf
        # From strong to weak penalty each fit starts at the last one's solution. The loss has one
        # minimum along this path in practice; far beyond it the fits are slow and useless.
        for index, penalty in enumerate(PENALTIES):
            regression.set_params(C=penalty).fit(x, y)
            loss = log_loss(labels[held_out], regression.predict_proba(features[held_out]))
            losses[index] += loss
            best = min(best, loss)
            if loss > 1.2 * best:
                losses[index + 1 :] = np.inf
                break
    return PENALTIES[int(losses.argmin())]


def _regression() -> LogisticRegression:
    return LogisticRegression(max_iter=5000, tol=_TOLERANCE)
