"""The estimators over tables of numbers, which is all that scikit-learn's checks have.

Each number is written as four words of DNA, of two that its column has: more of the first the
higher it is. A row is one sequence. What a table must be (two-dimensional, finite, as wide as in
``fit``) is scikit-learn's own to say; all else is the estimators' as they stand.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from hnet_seq import HNetClassifier, HNetEmbedder, HNetRegressor

COUNT = 4  # words for a number
WORDS = ["".join(word) for word in itertools.product("ACGT", repeat=3)]


class Written(list):
    """Sequences that were numbers."""


def written(table: np.ndarray) -> Written:
    share = 0.5 + np.arctan(table) / np.pi
    counts = np.rint(share * COUNT).astype(int)
    words = np.random.default_rng(0).permutation(WORDS).reshape(-1, 2).tolist()
    return Written(
        "".join(
            high * n + low * (COUNT - n)
            for n, (high, low) in zip(row.tolist(), itertools.cycle(words))
        )
        for row in counts
    )


class OfNumbers:
    """Before one of the estimators."""

    def _sequences(self, X: Any, model: Any, *, for_learning: bool) -> Any:
        if not isinstance(X, Written):
            X = written(validate_data(self, X, reset=False))
        return super()._sequences(X, model, for_learning=for_learning)  # type: ignore[misc]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.string = tags.input_tags.one_d_array = False
        tags.input_tags.two_d_array = True
        return tags


class EmbedderOfNumbers(OfNumbers, HNetEmbedder):
    def _fit(self, X: Any) -> Any:
        return super()._fit(written(validate_data(self, X)))


class ClassifierOfNumbers(OfNumbers, HNetClassifier):
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Any:
        return super().fit(written(validate_data(self, X)), y, groups=groups)


class RegressorOfNumbers(OfNumbers, HNetRegressor):
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Any:
        return super().fit(written(validate_data(self, X)), y, groups=groups)
