"""How sure a score is, and how sure the difference of two: intervals over the test sequences.

Drawn is the table of which class was called what. With N test sequences counted in its cells the
draws are a Dirichlet distribution of these counts plus half a sequence that is right and half one
that is wrong for each of two classes (Jeffreys' prior; one right and one wrong in all for more
classes, spread evenly). Drawing sequences with replacement instead (the percentile bootstrap) never
sees an error that the test did not happen to hold, and holds the true MCC in 72% of tests of 50
sequences, 10% of them positive, where it says 95%. ``studies/interval_coverage.py`` measures it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array
from sklearn.metrics import roc_auc_score

from hnet_seq.baselines.metrics import METRICS, confusion, confusion_metrics

REPLICATES = 1000
FEWEST = 5  # test sequences of every class: with fewer the coverage is not near 95%
_CELLS = 1 << 20  # drawn at a time
_Z = 1.959964  # of a two-sided 95% interval

Intervals = dict[str, list[float] | None]
Predictions = Sequence[NDArray[np.floating]]
"""(N, C) probabilities for each seed of training."""


class Difference(TypedDict):
    """One classifier's MCC minus another's on the same sequences, with its 95% interval.

    ``no_interval`` says why there is none.
    """

    mcc: float
    interval: list[float] | None
    no_interval: str | None


def bootstrap_intervals(
    probabilities: Predictions,
    labels: NDArray[np.integer],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Intervals:
    """95% intervals of each metric's mean over seeds of training.

    An interval tells of the test split, not of the training. It always holds the score. That of
    ``auroc`` is not drawn: it is the score interval of Hanley and McNeil's variance (Radiology 143,
    1982) as Newcombe has it (Stat. Med. 25, 2006, method 5).

    Args:
        probabilities: (N, C) for each seed of training.
        labels: (N,).

    Returns:
        [low, high] by metric; None where :func:`without_interval` says why.
    """
    refused = without_interval(probabilities, labels)
    cells = _Cells.of(labels, [each.argmax(1) for each in probabilities])
    means = _means(probabilities, labels)
    drawn = {name: np.zeros(0) for name in ("accuracy", "f1", "mcc")}
    for weights in cells.draws(_row_prior(cells.classes, len(probabilities)), replicates, seed):
        found = [weights.metrics(column) for column in range(len(probabilities))]
        for name in drawn:
            drawn[name] = np.append(drawn[name], np.mean([of[name] for of in found], axis=0))
    intervals: Intervals = {}
    for name in METRICS:
        if name in refused:
            intervals[name] = None
        elif name == "auroc":
            second = labels == 1
            areas = [roc_auc_score(second, each[:, 1]) for each in probabilities]
            positive = int(second.sum())
            intervals[name] = _auroc_interval(
                float(np.mean(areas)), positive, len(labels) - positive
            )
        else:
            intervals[name] = _ends(drawn[name], means[name])
    return intervals


def without_interval(probabilities: Predictions, labels: NDArray[np.integer]) -> dict[str, str]:
    """Why a metric has no interval, in a few words, by metric; those that have one are left out."""
    predicted = [each.argmax(1) for each in probabilities]
    present = np.unique(np.concatenate([labels, *predicted]))
    members = np.bincount(labels, minlength=int(present.max()) + 1)[present]
    reason = None
    if len(np.unique(labels)) < 2:
        reason = "one class in the test"
    elif members.min() < FEWEST:
        reason = f"under {FEWEST} of a class"
    found = dict.fromkeys(("f1", "mcc", "auroc"), reason) if reason else {}
    if not reason and all(len(np.unique(each)) < 2 for each in predicted):
        found["mcc"] = "one class predicted"
    if not reason and probabilities[0].shape[1] > 2:
        found["auroc"] = "more than two classes"
    return {name: why for name, why in found.items() if why} | {"auprc": "no method covers"}


def paired_difference(
    one: Predictions,
    other: Predictions,
    labels: NDArray[np.integer],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Difference:
    """MCC of ``one`` minus MCC of ``other``, means over seeds, on the same draws of sequences.

    Two intervals that overlap say little of it: what both classifiers find hard moves both.
    """
    value = _means(one, labels)["mcc"] - _means(other, labels)["mcc"]
    refused = [without_interval(each, labels).get("mcc") for each in (one, other)]
    if all(refused) or any(why != "one class predicted" for why in refused if why):
        return Difference(mcc=value, interval=None, no_interval=refused[0] or refused[1])
    cells = _Cells.of(labels, [each.argmax(1) for each in (*one, *other)])
    drawn = []
    for weights in cells.draws(_pair_prior(cells.classes, len(one), len(other)), replicates, seed):
        mcc = [weights.metrics(column)["mcc"] for column in range(len(one) + len(other))]
        drawn.append(np.mean(mcc[: len(one)], axis=0) - np.mean(mcc[len(one) :], axis=0))
    return Difference(mcc=value, interval=_ends(np.concatenate(drawn), value), no_interval=None)


def _means(probabilities: Predictions, labels: NDArray[np.integer]) -> dict[str, float]:
    counts = [confusion(each.argmax(1), labels, each.shape[1]) for each in probabilities]
    found = confusion_metrics(np.stack(counts, axis=-1))
    return {name: float(values.mean()) for name, values in found.items()}


def _ends(drawn: NDArray[np.float64], value: float) -> list[float]:
    """2.5% and 97.5%, and the score itself, which lies outside where nothing is wrong."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return [min(float(low), value), max(float(high), value)]


@dataclass(frozen=True)
class _Weights:
    """Draws (M, R) of M cells, of a row in ``rows`` each: the label, and what each column said."""

    rows: NDArray[np.int64]
    drawn: NDArray[np.float64]
    classes: int

    def metrics(self, column: int) -> dict[str, NDArray[np.floating]]:
        """accuracy, f1 and mcc (R,) of one column of predictions."""
        size = self.classes
        cell = self.rows[:, 0] * size + self.rows[:, 1 + column]
        members = (np.ones(len(cell)), (cell, np.arange(len(cell))))
        summed = csr_array(members, shape=(size**2, len(cell))) @ self.drawn
        return confusion_metrics(summed.reshape(size, size, -1))


@dataclass(frozen=True)
class _Cells:
    """Rows (M, 1 + columns) of a label and its predictions, how often each occurs, and C."""

    rows: NDArray[np.int64]
    counts: NDArray[np.int64]
    classes: int

    @classmethod
    def of(cls, labels: NDArray[np.integer], columns: list[NDArray[np.int64]]) -> _Cells:
        """Of the classes that occur or are predicted, numbered anew."""
        table = np.stack([labels, *columns], axis=1)
        present, numbers = np.unique(table, return_inverse=True)
        rows, counts = np.unique(numbers.reshape(table.shape), axis=0, return_counts=True)
        return cls(rows, counts, len(present))

    def draws(
        self, prior: list[tuple[tuple[int, ...], float]], replicates: int, seed: int
    ) -> Iterator[_Weights]:
        """Weights of the cells and of those of the prior, in parts of a bounded size."""
        rows = np.concatenate([self.rows, np.array([row for row, _ in prior])])
        shapes = np.concatenate([self.counts, [mass for _, mass in prior]])
        generator = np.random.default_rng(seed)
        at_once = max(1, _CELLS // max(len(shapes), self.classes**2))
        for begin in range(0, replicates, at_once):
            size = (min(at_once, replicates - begin), len(shapes))
            yield _Weights(rows, generator.standard_gamma(shapes, size).T, self.classes)


def _row_prior(classes: int, seeds: int) -> list[tuple[tuple[int, ...], float]]:
    """Cells that the test need not hold, the same for every seed, and their weights."""
    right, wrong = _masses(classes)
    return [
        ((true, *(called,) * seeds), right if true == called else wrong)
        for true, called in product(range(classes), repeat=2)
    ]


def _pair_prior(classes: int, one: int, other: int) -> list[tuple[tuple[int, ...], float]]:
    """The same for two classifiers: both right, one of them, none, half as much each."""
    right, wrong = (mass / 2 for mass in _masses(classes))
    cells = []
    for true, called in product(range(classes), repeat=2):
        if true == called:
            cells.append(((true, *(true,) * (one + other)), right))
            continue
        for first, second in ((true, called), (called, true), (called, called)):
            cells.append(((true, *(first,) * one, *(second,) * other), wrong))
    return cells


def _masses(classes: int) -> tuple[float, float]:
    """Of a right and of a wrong cell: one sequence of either in all."""
    return 1 / classes, 1 / max(1, classes * (classes - 1))


def _auroc_interval(area: float, positive: int, negative: int) -> list[float]:
    """Where the distance to ``area`` is 1.96 standard errors of the true area."""

    def beyond(true: float) -> float:
        pairs = positive * negative
        one, two = true / (2 - true), 2 * true**2 / (1 + true)
        # Which class varies more is not known: both count as the mean of the two.
        variance = true * (1 - true) + ((positive + negative) / 2 - 1) * (one + two - 2 * true**2)
        return abs(true - area) - _Z * float(np.sqrt(max(variance, 0) / pairs))

    near = 1e-9
    low = brentq(beyond, 0, area - near) if area > near and beyond(area - near) < 0 else area
    high = brentq(beyond, area + near, 1) if area < 1 - near and beyond(area + near) < 0 else area
    return [float(low), float(high)]
