"""What every probe does: features of mean 0 and variance 1; scores that sum to 1, and a loss."""

from __future__ import annotations

import numpy as np


def standardise(
    features: np.ndarray, labels: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training features (N, F) of mean 0 and variance 1 in fp64, their means and scales (F,).

    Constant features have scale 1.

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
    return (features - mean) / scale, mean, scale


def softmax(scores: np.ndarray) -> np.ndarray:
    """(N, C) scores, or (N, 1) of class 1 against class 0, to probabilities (N, C)."""
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], 1)
    scores = np.exp(scores - scores.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the negative logarithms of what the labels (N,) are given, of (N, C); in nats.

    As scikit-learn's, whose checks of its arguments take longer than a small fit.
    """
    given = probabilities[np.arange(len(labels)), labels]
    least = np.finfo(given.dtype).eps
    return -float(np.log(np.clip(given, least, 1 - least)).mean())
