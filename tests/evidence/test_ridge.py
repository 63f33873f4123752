"""Ridge regressions agree with scikit-learn's, and choose a penalty without copies of a row."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from hnet_seq.evidence.probes.ridge import PENALTIES, fit_ridge
from hnet_seq.evidence.similarity.edits import edit_distance, edits_from, reference_of


@pytest.mark.parametrize(("rows", "columns"), [(150, 8), (30, 70)])
def test_predictions_are_scikit_learns(rows: int, columns: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(3, 2, (rows, columns))
    x[:, 1] = 5  # a constant feature
    y = 2 * x[:, 0] + generator.normal(size=rows) + 10
    model = fit_ridge(x, y, np.arange(rows))
    scale = x.std(0)
    scale[1] = 1
    standardised = (x - x.mean(0)) / scale
    expected = Ridge(alpha=model.penalty).fit(standardised, y).predict(standardised)
    np.testing.assert_allclose(model.predict(x), expected)


def test_noise_gets_a_strong_penalty_and_a_signal_a_weak_one() -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(100, 40))
    groups = np.arange(100)
    assert fit_ridge(x, generator.normal(size=100), groups).penalty >= 100
    assert fit_ridge(x, x @ generator.normal(size=40), groups).penalty <= 0.1


def test_copies_in_one_group_do_not_choose_to_learn_by_heart() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(40, 60)), generator.normal(size=40)
    copies = np.repeat(np.arange(40), 4)
    grouped = fit_ridge(x[copies], y[copies], copies).penalty
    ungrouped = fit_ridge(x[copies], y[copies], np.arange(160)).penalty
    assert grouped > 100 * ungrouped


def test_what_cannot_be_fitted_is_refused() -> None:
    assert fit_ridge(np.ones((2, 1)), np.array([1.0, 2.0]), np.zeros(2)).penalty in PENALTIES
    with pytest.raises(ValueError, match="2 rows or more"):
        fit_ridge(np.ones((1, 1)), np.ones(1), np.zeros(1))
    with pytest.raises(ValueError, match="NaN"):
        fit_ridge(np.full((3, 1), np.nan), np.ones(3), np.arange(3))


def by_table(one: bytes, two: bytes) -> int:
    distances = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        diagonal, distances[0] = distances[0], i
        for j, b in enumerate(two, 1):
            best = min(distances[j] + 1, distances[j - 1] + 1, diagonal + (a != b))
            diagonal, distances[j] = distances[j], best
    return distances[-1]


def test_edit_distance_is_that_of_the_table() -> None:
    generator = np.random.default_rng(3)
    for _ in range(200):
        one, two = (bytes(generator.integers(0, 4, generator.integers(0, 15))) for _ in range(2))
        assert edit_distance(one, two) == by_table(one, two)


def test_edits_count_from_the_consensus_or_the_most_common() -> None:
    equal = [np.array(x, np.uint8) for x in ([0, 1, 2], [0, 1, 3], [0, 2, 2])]
    reference, name = reference_of(equal)
    assert (reference.tolist(), name) == ([0, 1, 2], "consensus")
    assert edits_from(reference, equal).tolist() == [0, 1, 1]
    lengths = [np.array(x, np.uint8) for x in ([0, 1], [0, 1, 2], [0, 1])]
    reference, name = reference_of(lengths)
    assert (reference.tolist(), name) == ([0, 1], "most common sequence")
    assert edits_from(reference, lengths).tolist() == [0, 1, 0]
