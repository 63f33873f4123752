"""Standardise, then logistic regression, with its penalty chosen inside the training split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from hnet_seq.evidence.probes.folds import stratified_folds
from hnet_seq.evidence.probes.small_fits import unattended
from hnet_seq.evidence.probes.standardise import log_loss, softmax, standardise

PENALTIES = tuple(10.0**exponent for exponent in range(-5, 2))
"""Inverse penalties C that are tried; features are standardised, so one grid serves all."""

# Of the gradient. At 1e-3 probabilities are off by up to 0.13 and another penalty is chosen.
_PATH, _FINAL = 1e-4, 1e-6


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
        return softmax((features - self.mean) / self.scale @ self.coefficients.T + self.intercepts)


def fit_logistic(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> LogisticModel:
    """Fit on a training split; the test split has no say in anything.

    Args:
        features: (N, F).
        labels: (N,) class numbers; every class of 0 .. ``num_classes`` - 1 occurs.
        groups: what the folds keep together.
        seed: of the folds. The penalty with the lowest log loss over the folds of
            :func:`hnet_seq.evidence.probes.folds.stratified_folds` wins; without folds it is 1.

    Raises:
        ValueError: fewer than two classes, one that never occurs, or a feature that is no number.
    """
    standardised, mean, scale = standardise(features, labels, num_classes)
    with unattended(standardised):
        penalty = _choose_penalty(standardised, labels, groups, seed)
        fitted = _regression(_FINAL).set_params(C=penalty).fit(standardised, labels)
    return LogisticModel(mean, scale, fitted.coef_, fitted.intercept_, penalty)


def _choose_penalty(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[str] | None, seed: int
) -> float:
    folds = stratified_folds(labels, groups, seed=seed)
    if not folds:
        return 1.0
    losses = np.zeros(len(PENALTIES))
    for fit, held_out in folds:
        x, y = features[fit], labels[fit]
        regression = _regression(_PATH).set_params(warm_start=True)
        best = np.inf
        # From strong to weak penalty each fit starts at the last one's solution. The loss has one
        # minimum along this path in practice; far beyond it the fits are slow and useless.
        for index, penalty in enumerate(PENALTIES):
            regression.set_params(C=penalty).fit(x, y)
            scores = features[held_out] @ regression.coef_.T + regression.intercept_
            loss = log_loss(softmax(scores), labels[held_out])
            losses[index] += loss
            best = min(best, loss)
            if loss > 1.2 * best:
                losses[index + 1 :] = np.inf
                break
    return PENALTIES[int(losses.argmin())]


def _regression(tolerance: float) -> LogisticRegression:
    return LogisticRegression(max_iter=20_000, tol=tolerance)
