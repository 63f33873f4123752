"""Standardise, then a linear support vector machine whose margins become probabilities.

Squared hinge loss, each class against the rest. Margins of held-out folds are calibrated by a
logistic regression on them (Platt, Advances in Large Margin Classifiers, 1999; multinomial for
several classes), whose classes are predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from hnet_seq.evidence.probes.folds import Fold, stratified_folds
from hnet_seq.evidence.probes.small_fits import unattended
from hnet_seq.evidence.probes.standardise import log_loss, softmax, standardise

PENALTIES = tuple(10.0**exponent for exponent in range(-6, 1))
"""Inverse penalties C that are tried."""

_PLATT = 1e3  # inverse penalty of the calibration, on margins of variance 1: next to none


@dataclass(frozen=True)
class LinearSVM:
    """A fitted classifier of F features and C classes; M margins, 1 for two classes, else C.

    Attributes:
        mean, scale: (F,) of the training features.
        coefficients: (M, F), intercepts: (M,) of the margins.
        calibration: (M or C, M), offsets: (M or C,) from margins to logits.
        inverse_penalty: the chosen C of scikit-learn's LinearSVC.
    """

    mean: np.ndarray
    scale: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    calibration: np.ndarray
    offsets: np.ndarray
    inverse_penalty: float

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(N, F) to the probabilities of the classes, (N, C) fp64."""
        margins = (features - self.mean) / self.scale @ self.coefficients.T + self.intercepts
        return softmax(margins @ self.calibration.T + self.offsets)


def fit_linear_svm(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> LinearSVM:
    """Fit on a training split; arguments and errors as
    :func:`hnet_seq.evidence.probes.logistic.fit_logistic`.

    The penalty whose calibrated held-out margins have the lowest log loss wins. Without folds it
    is 0.001, and margins are taken for logits.
    """
    standardised, mean, scale = standardise(features, labels, num_classes)
    folds = stratified_folds(labels, groups, seed=seed)
    penalty, calibration, offsets = 1e-3, None, None
    lowest = np.inf
    with unattended(standardised):
        for candidate in PENALTIES if folds else ():
            margins, held_out = _held_out_margins(standardised, labels, folds, candidate)
            if len(np.unique(labels[held_out])) < num_classes:
                continue  # folds were left out: what remains cannot be calibrated
            slopes, offset = _platt(margins, labels[held_out])
            loss = log_loss(softmax(margins @ slopes.T + offset), labels[held_out])
            if loss < lowest:
                lowest, penalty = loss, candidate
                calibration, offsets = slopes, offset
        fitted = _machine(penalty).fit(standardised, labels)
    count = len(fitted.coef_)
    return LinearSVM(
        mean,
        scale,
        fitted.coef_,
        np.broadcast_to(fitted.intercept_, count).copy(),
        np.eye(count) if calibration is None else calibration,
        np.zeros(count) if offsets is None else offsets,
        penalty,
    )


def _held_out_margins(
    features: np.ndarray, labels: np.ndarray, folds: list[Fold], penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """(K, M) margins of the held-out items of all folds, and the items' indices (K,).

    Liblinear sums its loss over items: C is raised by as much as a fold has fewer, or margins
    would be smaller here than those of the fit to all items, which the calibration is for.
    """
    found = [
        _machine(penalty * len(labels) / len(fit))
        .fit(features[fit], labels[fit])
        .decision_function(features[held_out])
        for fit, held_out in folds
    ]
    margins = np.concatenate(found)
    indices = np.concatenate([held_out for _, held_out in folds])
    return margins.reshape(len(margins), -1), indices


def _platt(margins: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (M or C, M) and offsets (M or C,) from margins (K, M) to logits.

    A strong penalty leaves margins of a thousandth: what keeps the slopes finite where the classes
    are apart would then keep them from reaching the thousands that are needed. So it acts on
    margins of mean 0 and variance 1.
    """
    mean, scale = margins.mean(0), margins.std(0)
    scale[scale == 0] = 1
    platt = LogisticRegression(C=_PLATT, max_iter=10_000, tol=1e-6)
    platt.fit((margins - mean) / scale, labels)
    slopes = platt.coef_ / scale
    return slopes, platt.intercept_ - slopes @ mean


def _machine(penalty: float) -> LinearSVC:
    # The primal problem: the dual one does not converge where there are more items than features.
    return LinearSVC(C=penalty, dual=False, max_iter=10_000)
