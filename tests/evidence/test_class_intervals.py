"""How often intervals of classes hold the truth, by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from hnet_seq.evidence.measures.class_intervals import (
    FEWEST,
    FEWEST_APART,
    FEWEST_CALLED,
    class_intervals,
)
from hnet_seq.evidence.measures.class_table import ClassTable, one_classifier, two_classifiers
from hnet_seq.evidence.measures.members import expected_members
from hnet_seq.evidence.measures.metrics import confusion_metrics


# Two normal distributions, 1.5 standard deviations apart, thresholded by the posterior.
def shares_of_cells(share: float) -> np.ndarray:
    """(4,) of 00, 01, 10, 11: the label, and what is said."""
    cut = 0.75 - np.log(share / (1 - share)) / 1.5
    wrong, right = (1 - share) * norm.sf(cut), share * norm.sf(cut - 1.5)
    return np.array([1 - share - wrong, wrong, share - right, right])


TESTS = 20_000  # whose sampling error is 0.003 where half have an interval: two are the margin
LOW, HIGH = 0.93 - 0.006, 0.97 + 0.006


@pytest.mark.parametrize(
    ("size", "share"), [(50, 0.5), (50, 0.2), (100, 0.1), (200, 0.1), (200, 0.05), (1000, 0.02)]
)
def test_intervals_of_classes_hold_the_truth_in_93_to_97_of_a_hundred_or_are_refused(
    size: int, share: float
) -> None:
    """Drawn with replacement, they held it in 72; with fewer calls than four in 98 or 99.

    Accuracy has an interval in every test. F1 and MCC are refused where a class has few sequences.
    """
    cells = shares_of_cells(share)
    counts = np.random.default_rng(0).multinomial(size, cells, size=TESTS).T
    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    enough = (counts[2:].sum(0) >= FEWEST) & (counts[[1, 3]].sum(0) >= FEWEST_CALLED)
    for name in ("accuracy", "f1", "mcc"):
        given = enough | (name == "accuracy")
        if given.mean() < 0.1:  # refused: those that chance picked are not like the rest
            assert size * share <= 20
            continue
        table = ClassTable.with_prior(rows, counts[:, given], one_classifier(2), 2)
        true = confusion_metrics(cells.reshape(2, 2))[name]
        low, high = table.intervals(name, np.ones(1))
        assert LOW <= np.mean((low <= true) & (true <= high)) <= HIGH, name


@pytest.mark.parametrize(
    ("size", "positive", "apart"), [(238, 8.8, 2.42), (194, 9.0, 1.23), (138, 9.9, 1.67)]
)
def test_tests_that_chance_let_in_hold_the_truth_as_often(
    size: int, positive: float, apart: float
) -> None:
    """Their rare class is larger than it should be, and F1 and MCC with it.

    Without regard to that they held F1 in 84 to 91 of a hundred, and MCC in 89 to 93.
    """
    share, cut = positive / size, apart / 2
    wrong, right = (1 - share) * norm.sf(cut), share * norm.sf(cut - apart)
    cells = np.array([1 - share - wrong, wrong, share - right, right])
    counts = np.random.default_rng(0).multinomial(size, cells, size=4 * TESTS).T
    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    given = (counts[2:].sum(0) >= FEWEST) & (counts[[1, 3]].sum(0) >= FEWEST_CALLED)
    assert 0.08 < given.mean() < 0.3
    table = ClassTable.with_prior(rows, counts[:, given], one_classifier(2), 2)
    for name in ("f1", "mcc"):
        true = confusion_metrics(cells.reshape(2, 2))[name]
        low, high = table.intervals(name, np.ones(1))
        assert LOW <= np.mean((low <= true) & (true <= high)) <= HIGH, name


def test_how_many_to_expect_is_less_at_the_limit_and_the_same_above() -> None:
    found = np.array([FEWEST, FEWEST + 1, FEWEST + 4, 20.0, 500.0])
    expected = expected_members(found)
    assert expected.tolist() == sorted(expected)
    assert expected[0] < 6
    assert expected[2] < FEWEST + 4
    assert expected[3:].tolist() == [20.0, 500.0]
    # What is expected has the mean found, and half a one more, of the numbers that are let in.
    drawn = np.random.default_rng(0).poisson(expected[1], 200_000)
    assert abs(drawn[drawn >= FEWEST].mean() - (FEWEST + 1.5)) < 0.03


def test_intervals_of_many_tests_are_those_of_each() -> None:
    counts = np.array([[30, 5, 4, 21], [50, 0, 0, FEWEST]]).T
    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    table = ClassTable.with_prior(rows, counts, one_classifier(2), 2)
    for name in ("accuracy", "f1", "mcc"):
        low, high = table.intervals(name, np.ones(1))
        for index, each in enumerate(counts.T):
            labels, said = rows.repeat(each, axis=0).T
            found = class_intervals([np.eye(2)[said]], labels)[name]
            assert found == pytest.approx([low[index], high[index]], abs=1e-9)


def test_differences_of_two_classifiers_hold_the_truth_in_93_to_97_of_a_hundred() -> None:
    """200 sequences, 10% positive, where draws of a Dirichlet distribution held it in 91.5%."""
    rows = np.array(list(product(range(2), repeat=3)))
    right, other = (shares_of_cells(0.1).reshape(2, 2), np.array([[0.88, 0.02], [0.06, 0.04]]))
    for second in (other, right):
        cells = (right[:, :, None] * second[:, None, :] / second.sum(1)[:, None, None]).ravel()
        one, two = (confusion_metrics(each)["mcc"] for each in (right, second))
        counts = np.random.default_rng(0).multinomial(200, cells, size=TESTS).T
        each = counts.reshape(2, 2, 2, -1)
        called = [np.min(each.sum(axis=axis), axis=0) for axis in ((0, 2), (0, 1))]
        apart = each[:, 0, 1].sum(0) + each[:, 1, 0].sum(0)
        given = (np.min(called, axis=0) >= FEWEST_CALLED) & (apart >= FEWEST_APART)
        given &= each.sum((1, 2)).min(0) >= FEWEST
        table = ClassTable.with_prior(rows, counts[:, given], two_classifiers(2), 2)
        low, high = table.intervals("mcc", np.array([1.0, -1.0]))
        assert LOW <= np.mean((low <= one - two) & (one - two <= high)) <= HIGH
