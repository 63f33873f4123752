"""Logistic probes are at their minimum, as scikit-learn finds it with a far tighter tolerance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from hnet_seq.evidence.probes.folds import stratified_folds
from hnet_seq.evidence.probes.logistic import PENALTIES, fit_logistic


def one_hot_task(num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Letters by position, of which five tell the class."""
    generator = np.random.default_rng(num_classes)
    labels = generator.integers(num_classes, size=300)
    letters = generator.integers(4, size=(300, 40))
    told = generator.random((300, 5)) < 0.5
    letters[:, 10:15] = np.where(told, labels[:, None], letters[:, 10:15])
    return np.eye(4)[letters].reshape(300, -1), labels


@pytest.mark.parametrize("num_classes", [2, 3])
def test_penalty_and_probabilities_are_those_of_converged_regressions(num_classes: int) -> None:
    features, labels = one_hot_task(num_classes)
    found = fit_logistic(features, labels, num_classes=num_classes, seed=2)
    standardised = (features - found.mean) / found.scale
    losses = []
    for penalty in PENALTIES:
        exact = LogisticRegression(C=penalty, tol=1e-9, max_iter=100_000)
        losses.append(
            sum(
                log_loss(
                    labels[held_out],
                    exact.fit(standardised[fit], labels[fit]).predict_proba(standardised[held_out]),
                )
                for fit, held_out in stratified_folds(labels, seed=2)
            )
        )
    assert found.inverse_penalty == PENALTIES[int(np.argmin(losses))]
    exact = LogisticRegression(C=found.inverse_penalty, tol=1e-9, max_iter=100_000)
    expected = exact.fit(standardised, labels).predict_proba(standardised)
    assert np.abs(found.predict_proba(features) - expected).max() < 1e-4
