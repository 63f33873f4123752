"""Standardise, then ridge regression, with its penalty chosen inside the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PENALTIES = tuple(10.0**exponent for exponent in range(-3, 6))
"""Penalties that are tried, in units of a standardised feature's squares summed over 1 row."""

_FOLDS = 5


@dataclass(frozen=True)
class RidgeModel:
    """A fitted regression of F features: ``(x - mean) / scale @ coefficients + intercept``.

    Attributes:
        mean, scale: (F,) of the training features; constant features have scale 1.
        coefficients: (F,).
        penalty: the chosen one.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float
    penalty: float

    def predict(self, features: np.ndarray) -> NDArray[np.float64]:
        """(N, F) to (N,)."""
        found: NDArray[np.float64] = (
            features - self.mean
        ) / self.scale @ self.coefficients + self.intercept
        return found


def fit_ridge(
    features: np.ndarray, values: np.ndarray, groups: np.ndarray, *, seed: int = 0
) -> RidgeModel:
    """Fit on training rows; test rows have no say in anything.

    The penalty with the least squared error over folds (5, or as many as there are groups) wins.

    Args:
        features: (N, F).
        values: (N,) what is predicted.
        groups: (N,) int; rows of a group stay in one fold, so that copies of a sequence do not
            choose a penalty that learns them by heart.
        seed: of the folds.

    Raises:
        ValueError: fewer than two rows, or a feature or value that is no number.
    """
    if len(values) < 2:
        raise ValueError(f"a regression needs 2 rows or more; there are {len(values)}")
    if not (np.isfinite(features).all() and np.isfinite(values).all()):
        raise ValueError("features or values hold NaN or infinity")
    x = features.astype(np.float64)
    mean, scale = x.mean(0), x.std(0)
    scale[scale <= 1e-12 * np.maximum(1, np.abs(mean))] = 1
    x = (x - mean) / scale
    penalty = _choose_penalty(x, values, groups, seed)
    coefficients, intercept = _Solver(x, values).solve(penalty)
    return RidgeModel(mean, scale, coefficients, intercept, penalty)


def _choose_penalty(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> float:
    unique, place = np.unique(groups, return_inverse=True)
    folds = min(_FOLDS, len(unique))
    if folds < 2:
        return 1.0
    fold_of_group = np.random.default_rng(seed).permutation(len(unique)) % folds
    fold = fold_of_group[place]
    errors = np.zeros(len(PENALTIES))
    for held_out in range(folds):
        rest = fold != held_out
        solver = _Solver(x[rest], y[rest])
        for index, penalty in enumerate(PENALTIES):
            coefficients, intercept = solver.solve(penalty)
            predicted = x[~rest] @ coefficients + intercept
            errors[index] += np.square(predicted - y[~rest]).sum()
    # Of penalties that do equally well, the strongest.
    return PENALTIES[len(PENALTIES) - 1 - int(errors[::-1].argmin())]


class _Solver:
    """One decomposition for all penalties, of the smaller of the two products of the features."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self._mean, self._y_mean = x.mean(0), float(y.mean())
        self._x, self._y = x - self._mean, y - self._y_mean
        self._dual = len(x) < x.shape[1]
        product = self._x @ self._x.T if self._dual else self._x.T @ self._x
        self._values, self._vectors = np.linalg.eigh(product)
        right = self._y if self._dual else self._x.T @ self._y
        self._rotated = self._vectors.T @ right

    def solve(self, penalty: float) -> tuple[NDArray[np.float64], float]:
        """Coefficients (F,) and intercept."""
        found = self._vectors @ (self._rotated / (np.maximum(self._values, 0) + penalty))
        if self._dual:
            found = self._x.T @ found
        return found, self._y_mean - float(self._mean @ found)
