"""Metrics are those of the textbooks, for two classes and for more, with ties and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    roc_auc_score,
)

from hnet_seq.evidence.measures.metrics import (
    classification_metrics,
    confusion,
    confusion_metrics,
    matthews_correlation,
)


def predictions(
    num_classes: int, seed: int, count: int = 90, decimals: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with ties, which follow the labels a little."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(num_classes, size=count)
    raw = generator.random((count, num_classes)) + 0.4 * np.eye(num_classes)[labels]
    return np.round(raw / raw.sum(1, keepdims=True), decimals), labels


@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("decimals", [1, 9])
def test_metrics_equal_those_of_scikit_learn(num_classes: int, decimals: int) -> None:
    for seed in range(10):
        probabilities, labels = predictions(num_classes, seed, decimals=decimals)
        predicted = probabilities.argmax(1)
        against_rest = [(labels == c, probabilities[:, c]) for c in range(num_classes)]
        assert classification_metrics(probabilities, labels) == pytest.approx(
            {
                "accuracy": accuracy_score(labels, predicted),
                "f1": f1_score(labels, predicted, average="macro"),
                "mcc": matthews_corrcoef(labels, predicted),
                "auroc": np.mean([roc_auc_score(*pair) for pair in against_rest]),
                "auprc": np.mean([average_precision_score(*pair) for pair in against_rest]),
            }
        )
        assert matthews_correlation(predicted, labels, num_classes) == pytest.approx(
            matthews_corrcoef(labels, predicted)
        )


def test_metrics_of_known_predictions() -> None:
    labels = np.array([0, 0, 1, 1])
    right = np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9]])
    constant = np.full((4, 2), 0.5)
    for probabilities, accuracy, f1, mcc, auroc in (
        (right, 1, 1, 1, 1),
        (right[:, ::-1], 0, 0, -1, 0),
        # Class 0 is right twice of four times, class 1 never predicted: F1 of 2/3 and 0.
        (constant, 0.5, 1 / 3, 0, 0.5),
    ):
        found: Any = classification_metrics(probabilities, labels)
        expected = {"accuracy": accuracy, "f1": f1, "mcc": mcc, "auroc": auroc}
        assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert classification_metrics(right, labels)["auprc"] == 1
    assert classification_metrics(constant, labels)["auprc"] == 0.5


def test_one_class_alone_has_no_curves_and_an_absent_class_does_not_count() -> None:
    three = np.eye(3)[[0, 1, 2, 2]]
    alone = classification_metrics(three[2:], np.array([2, 2]))
    assert (alone["accuracy"], alone["auroc"], alone["auprc"]) == (1, None, None)
    without_the_third = classification_metrics(three[:2], np.array([0, 1]))
    assert (without_the_third["f1"], without_the_third["auroc"]) == (1, 1)


def test_many_confusion_matrices_are_scored_as_one_each_and_weights_need_not_be_whole() -> None:
    several = []
    for seed in range(4):
        probabilities, labels = predictions(3, seed)
        several.append(confusion(probabilities.argmax(1), labels, 3))
    found = confusion_metrics(np.stack(several, axis=-1) * 0.25)
    for seed in range(4):
        alone = classification_metrics(*predictions(3, seed))
        for name, values in found.items():
            assert values[seed] == pytest.approx(alone[name])  # type: ignore[literal-required]
