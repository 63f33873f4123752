"""How often intervals of classes hold the truth, by simulation."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import binom, norm

from hnet_seq.evidence.measures.class_intervals import FEWEST_APART, class_intervals
from hnet_seq.evidence.measures.class_table import ClassTable, one_classifier, two_classifiers
from hnet_seq.evidence.measures.let_in import FEWEST, FEWEST_CALLED, LetIn
from hnet_seq.evidence.measures.metrics import confusion_metrics

ROWS = np.array(list(product(range(2), repeat=2)))


def shares_of_cells(share: float, apart: float = 1.5) -> np.ndarray:
    """(4,) of 00, 01, 10, 11: the label, and what is said.

    Two normal distributions, so many standard deviations apart, thresholded by the posterior.
    """
    cut = apart / 2 - np.log(share / (1 - share)) / apart
    wrong, right = (1 - share) * norm.sf(cut), share * norm.sf(cut - apart)
    return np.array([1 - share - wrong, wrong, share - right, right])


def bold_cells(share: float, apart: float, called: float) -> np.ndarray:
    """The same, thresholded where so many in all are called 1."""
    cut = np.linspace(-5, 10, 150_001)
    wrong, right = (1 - share) * norm.sf(cut), share * norm.sf(cut - apart)
    at = np.abs(wrong + right - called).argmin()
    return np.array([1 - share - wrong[at], wrong[at], share - right[at], right[at]])


def held(cells: np.ndarray, size: int, tests: int, name: str) -> tuple[float, float]:
    """The share of drawn tests with an interval, and the share of these that hold the truth."""
    drawn = np.random.default_rng(0).multinomial(size, cells, size=tests)
    counts, times = np.unique(drawn, axis=0, return_counts=True)
    members = np.minimum(counts[:, 2:].sum(1), counts[:, :2].sum(1))
    called = np.minimum(counts[:, 1::2].sum(1), counts[:, ::2].sum(1))
    given = (members >= FEWEST) | (name == "accuracy")
    given &= called >= FEWEST_CALLED.get(name, 0)
    table = ClassTable.with_prior(ROWS, counts[given].T, one_classifier(2), 2)
    true = confusion_metrics(cells.reshape(2, 2))[name]
    low, high = table.intervals(name, np.ones(1))
    inside = times[given] * ((low <= true) & (true <= high))
    return times[given].sum() / tests, inside.sum() / max(times[given].sum(), 1)


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
    for name in ("accuracy", "f1", "mcc"):
        given, of_these = held(shares_of_cells(share), size, TESTS, name)
        if given < 0.1:
            assert size * share <= 20
            continue
        assert LOW <= of_these <= HIGH, name


# Of the first chance makes the rare class large enough; the others call it hardly ever.
@pytest.mark.parametrize(
    ("size", "cells", "names"),
    [
        (300, bold_cells(9.2 / 300, 2, 40 / 300), ("f1", "mcc")),
        (300, shares_of_cells(32 / 300, 1.15), ("f1",)),
        (88, shares_of_cells(17.8 / 88, 0.95), ("f1",)),
        (284, shares_of_cells(26 / 284, 1.27), ("f1",)),
        (300, shares_of_cells(24 / 300, 1.1), ("mcc",)),
    ],
)
def test_tests_that_chance_let_in_hold_the_truth_as_often(
    size: int, cells: np.ndarray, names: tuple[str, ...]
) -> None:
    """They have more of the rare class than they should, or more calls, and F1 and MCC with that.

    Without regard to it they hold F1 in 85 to 88 of a hundred, and MCC in 90 or 91.
    """
    for name in names:
        given, of_these = held(cells, size, 4 * TESTS, name)
        assert 0.1 < given < 0.35
        assert LOW <= of_these <= HIGH, name


def test_three_seeds_that_call_a_class_often_enough_on_average_have_an_interval() -> None:
    labels = np.arange(60) < 20
    said = np.zeros((3, 60), dtype=np.int64)
    for seeds, rows in ((1, slice(0, 1)), (2, slice(1, 8)), (3, slice(8, 11))):
        said[:seeds, rows] = 1  # 1 + 14 + 9 calls
    assert class_intervals([np.eye(2)[each] for each in said], labels.astype(int))["f1"]


def test_counts_of_tests_that_were_let_in_are_binomial_numbers_that_reach_so_many() -> None:
    share, sizes = np.array([[0.02], [0.05], [0.4]]), np.array([200.0])
    fewest = np.array([8, 13, 13])
    mean, part_left = LetIn(csr_array((3, 1)), fewest)._truncated(share, sizes)
    every = np.arange(201)
    for row, least in enumerate(fewest):
        chances = binom.pmf(every, 200, share[row]) * (every >= least)
        chances /= chances.sum()
        expected = chances @ every
        variance = chances @ (every - expected) ** 2
        assert mean[row, 0] == pytest.approx(expected, rel=1e-9)
        whole = 200 * share[row, 0] * (1 - share[row, 0])
        assert part_left[row, 0] == pytest.approx(variance / whole, rel=1e-6)


def test_the_names_of_the_classes_have_no_say_in_an_interval() -> None:
    """Ties too: two classes that are equally rare."""
    for cells in ([[13, 0], [5, 8]], [[20, 2, 1], [2, 10, 1], [3, 1, 9]]):
        labels, said = np.indices(np.shape(cells)).reshape(2, -1).repeat(np.ravel(cells), axis=1)
        found = class_intervals([np.eye(len(cells))[said]], labels)
        for order in permutations(range(len(cells))):
            named = np.array(order)
            again = class_intervals([np.eye(len(cells))[named[said]]], named[labels])
            for name in ("f1", "mcc"):
                assert found[name] == pytest.approx(again[name], abs=1e-9)


def test_no_interval_reaches_beyond_what_a_score_can_be_or_leaves_it_out() -> None:
    every = [(13 - a, a, b, 20 - b) for a, b in product(range(14), range(21))]
    table = ClassTable.with_prior(ROWS, np.array(every).T, one_classifier(2), 2)
    for name, least in (("f1", 0), ("mcc", -1)):
        low, high = table.intervals(name, np.ones(1))
        score = table.scores(name, np.ones(1))
        assert (least - 1e-9 <= low).all()
        assert (low <= score).all()
        assert (score <= high).all()
        assert (high <= 1 + 1e-9).all()


def test_intervals_of_many_tests_are_those_of_each() -> None:
    counts = np.array([[30, 5, 4, 21], [50, 0, 0, FEWEST]]).T
    table = ClassTable.with_prior(ROWS, counts, one_classifier(2), 2)
    for name in ("accuracy", "f1", "mcc"):
        low, high = table.intervals(name, np.ones(1))
        for index, each in enumerate(counts.T):
            labels, said = ROWS.repeat(each, axis=0).T
            found = class_intervals([np.eye(2)[said]], labels)[name]
            assert found == pytest.approx([low[index], high[index]], abs=1e-9)


def of_both(one: np.ndarray, other: np.ndarray, size: int) -> tuple[float, float]:
    """Of drawn tests the share with an interval of the difference, and of these that hold it.

    Cells (2, 2) of two classifiers, which err independently.
    """
    cells = (one[:, :, None] * other[:, None, :] / other.sum(1)[:, None, None]).ravel()
    drawn = np.random.default_rng(0).multinomial(size, cells, size=TESTS // 2)
    counts, times = np.unique(drawn, axis=0, return_counts=True)
    each = counts.T.reshape(2, 2, 2, -1)
    called = [np.min(each.sum(axis=axis), axis=0) for axis in ((0, 2), (0, 1))]
    apart = each[:, 0, 1].sum(0) + each[:, 1, 0].sum(0)
    given = (np.min(called, axis=0) >= FEWEST_CALLED["mcc"]) & (apart >= FEWEST_APART)
    given &= each.sum((1, 2)).min(0) >= FEWEST
    rows = np.array(list(product(range(2), repeat=3)))
    table = ClassTable.with_prior(rows, counts[given].T, two_classifiers(2), 2)
    low, high = table.intervals("mcc", np.array([1.0, -1.0]))
    true = confusion_metrics(one)["mcc"] - confusion_metrics(other)["mcc"]
    inside = times[given] * ((low <= true) & (true <= high))
    return times[given].sum() / len(drawn), inside.sum() / times[given].sum()


def test_differences_of_two_classifiers_hold_the_truth_in_93_to_97_of_a_hundred() -> None:
    right, other = shares_of_cells(0.2).reshape(2, 2), np.array([[0.78, 0.02], [0.12, 0.08]])
    for second in (other, right):
        given, of_these = of_both(right, second, 200)
        assert given > 0.3
        assert LOW <= of_these <= HIGH


def test_differences_that_chance_let_in_hold_the_truth_as_often() -> None:
    """One of the two calls the rare class hardly ever; without regard to that it is 92.5%."""
    seldom, well = np.array([[[0.8985, 0.0015], [0.096, 0.004]], [[0.873, 0.027], [0.01, 0.09]]])
    given, of_these = of_both(seldom, well, 400)
    assert 0.1 < given < 0.3
    assert 0.935 <= of_these <= HIGH
