"""Words of 1 to 6 bases, kept sparse, are those of dense tables; their fits those of sklearn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from hnet_seq.evidence.probes import word_fits
from hnet_seq.evidence.probes.sequence_features import word_frequencies
from hnet_seq.evidence.probes.word_fits import PENALTIES, fit_words
from hnet_seq.evidence.probes.words import Standardised, count_words


def sequences(count: int, seed: int = 0) -> list[np.ndarray]:
    """Of 0 to 30 letters, some of them unknown."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(0, 31, count)
    return [generator.integers(0, 5, length).astype(np.uint8) for length in lengths]


@pytest.mark.parametrize("both_strands", [False, True])
def test_sparse_words_are_the_dense_ones(both_strands: bool) -> None:
    given = sequences(40)
    found = count_words(given, both_strands=both_strands)
    dense = word_frequencies(given, 6, both_strands=both_strands)
    np.testing.assert_allclose(np.hstack([found.short, found.long.toarray()]), dense)


def test_products_are_those_of_the_standardised_matrix() -> None:
    train, test = count_words(sequences(60)), count_words(sequences(20, 1))
    dense, others = (np.hstack([own.short, own.long.toarray()]) for own in (train, test))
    scale = dense.std(0)
    scale[scale < 1e-9] = 1
    fitted = Standardised(train)
    weights = np.random.default_rng(0).normal(size=(dense.shape[1], 2))
    expected = (others - dense.mean(0)) / scale
    asked = Standardised(test, fitted)
    np.testing.assert_allclose(asked.times(weights), expected @ weights, atol=1e-8)
    residuals = np.ones((20, 3))
    np.testing.assert_allclose(asked.back(residuals), expected.T @ residuals, atol=1e-8)


@pytest.mark.parametrize("few", [0, 600])
def test_fits_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(word_fits, "_FEW", few)
    given = [np.concatenate([own, np.array([0, 1], np.uint8)]) for own in sequences(60)]
    labels = np.arange(60) % 3
    words = count_words(given)
    fitted = Standardised(words)
    dense = fitted.times(np.eye(fitted.columns))
    ours = fit_words(words, labels, num_classes=3, settings=(1.0, 0.01))
    theirs = LogisticRegression(C=0.01, tol=1e-8, max_iter=5000).fit(dense, labels)
    np.testing.assert_allclose(ours.predict(words), theirs.predict_proba(dense), atol=2e-3)
    numbers = np.random.default_rng(0).normal(size=60) + 5
    ours = fit_words(words, numbers, num_classes=None, settings=(1.0, 0.01))
    ridge = Ridge(alpha=1 / 0.01).fit(dense, numbers)
    np.testing.assert_allclose(ours.predict(words)[:, 0], ridge.predict(dense), atol=5e-3)


def test_the_penalty_is_chosen_inside_and_noise_takes_a_strong_one() -> None:
    words = count_words(sequences(80, 3))
    noise = np.random.default_rng(0).integers(0, 2, 80)
    assert fit_words(words, noise, num_classes=2).inverse_penalty <= 1e-3
    assert fit_words(words, noise, num_classes=2).inverse_penalty in PENALTIES
    one = fit_words(words.rows(np.arange(2)), np.array([0, 1]), num_classes=2)
    assert one.inverse_penalty == 1.0
    assert one.predict(words).shape == (80, 2)
