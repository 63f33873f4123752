"""How often 95% intervals hold what they are about: scores of classes.

A part of ``studies/interval_coverage.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from interval_coverage_held import MANY, Each, Generator, Held, inside
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from hnet_seq.evidence.measures.class_intervals import (
    FEWEST,
    FEWEST_APART,
    FEWEST_CALLED,
    FEWEST_RANKED,
    HIGHEST_AREA,
    auroc_intervals,
)
from hnet_seq.evidence.measures.class_table import ClassTable, one_classifier, two_classifiers
from hnet_seq.evidence.measures.metrics import confusion_metrics

REPLICATES = 200
DRAWN = 500  # tests whose draws with replacement are looked at
SEVERAL = 5  # times as many tests as of numbers, which cost more

Metric = Callable[[np.ndarray], np.ndarray]


def two_classes(
    generator: Generator, trials: int, size: int, share: float, apart: float, noises: list[float]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (trials, size), and the log odds of classifiers of one measurement, with noise."""
    labels = (generator.random((trials, size)) < share).astype(int)
    x = generator.normal(size=labels.shape) + apart * labels
    found = []
    for spread in noises:
        between = apart / np.sqrt(1 + spread**2)
        seen = (x + spread * generator.normal(size=x.shape)) / np.sqrt(1 + spread**2)
        found.append(np.log(share / (1 - share)) + between * seen - between**2 / 2)
    return labels, found


def table_of(columns: list[np.ndarray], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows (M, columns) of class numbers, and how many (M, T) each test has of each."""
    rows = np.array(list(product(range(classes), repeat=len(columns))))
    cells = classes ** len(columns)
    code = np.zeros_like(columns[0])
    for column in columns:
        code = code * classes + column
    tests = np.arange(len(code))[:, None]
    counts = np.bincount((code * len(code) + tests).ravel(), minlength=cells * len(code))
    return rows, counts.reshape(cells, -1)


def refused(table: ClassTable) -> dict[str, NDArray[np.bool_]]:
    """(T,) whether a test has no interval of a score."""
    members, called = table.fewest()
    found = {name: (members < FEWEST) | (called < least) for name, least in FEWEST_CALLED.items()}
    return found | {"auroc": members < FEWEST_RANKED}


def drawn_again(generator: Generator, counts: np.ndarray, metric: Metric, truth: float) -> Each:
    """Whether 2.5% and 97.5% of draws with replacement hold the truth, for tests (M, T)."""
    size = int(counts[:, 0].sum())
    held = []
    for own in counts.T[:DRAWN]:
        drawn = metric(generator.multinomial(size, own / size, size=REPLICATES).T)
        low, high = np.quantile(drawn, [0.025, 0.975])
        held.append(bool(low <= truth <= high))
    return held


def of_cells(classes: int, name: str) -> Metric:
    return lambda counts: confusion_metrics(counts.reshape(classes, classes, -1))[name]


def classification(
    generator: Generator, trials: int, size: int, share: float, apart: float, noises: list[float]
) -> Held:
    trials *= SEVERAL
    labels, odds = two_classes(generator, 1, MANY, share, apart, noises)
    rows, counts = table_of([labels, *(each > 0 for each in odds)], 2)
    part = np.full(len(noises), 1 / len(noises))
    areas = [norm.cdf(apart / np.sqrt(2 * (1 + noise**2))) for noise in noises]
    whole = ClassTable.with_prior(rows, counts, [], 2)
    truth = {name: float(whole.scores(name, part)[0]) for name in ("accuracy", "f1", "mcc")}

    labels, odds = two_classes(generator, trials, size, share, apart, noises)
    rows, counts = table_of([labels, *(each > 0 for each in odds)], 2)
    table = ClassTable.with_prior(rows, counts, one_classifier(2, len(noises)), 2)
    no_interval = refused(table)
    found: Held = {}
    for name in ("accuracy", "f1", "mcc"):
        without = no_interval.get(name)
        ours = inside(table.intervals(name, part), truth[name], without)
        drawn = None
        if name == "mcc" and len(noises) == 1:
            drawn = drawn_again(generator, counts, of_cells(2, name), truth[name])
        found[name] = (ours, drawn)
    positive = labels.sum(axis=1)
    pairs = np.maximum(positive * (size - positive), 1)
    above = np.mean([(rankdata(each, axis=1) * labels).sum(axis=1) for each in odds], axis=0)
    area = (above - positive * (positive + 1) / 2) / pairs
    ends = auroc_intervals(area, np.maximum(positive, 1), np.maximum(size - positive, 1))
    few = no_interval["auroc"] | (np.abs(area - 0.5) > HIGHEST_AREA - 0.5) | (len(noises) > 1)
    return found | {"auroc": (inside(ends, float(np.mean(areas)), few), None)}


def difference(
    generator: Generator, trials: int, size: int, share: float, apart: float, noises: list[float]
) -> Held:
    """MCC of a classifier minus that of another, which measure the same with noise of their own."""
    trials *= SEVERAL
    part = np.array([1.0, -1.0])

    def tests(count: int, many: int) -> tuple[np.ndarray, np.ndarray]:
        labels, odds = two_classes(generator, count, many, share, apart, noises)
        return table_of([labels, *(each > 0 for each in odds)], 2)

    def metric(counts: np.ndarray) -> np.ndarray:
        one, other = (confusion_metrics(each)["mcc"] for each in of_each(counts))
        return np.asarray(one - other)

    def of_each(counts: np.ndarray) -> list[np.ndarray]:
        cells = counts.reshape(2, 2, 2, -1)
        return [cells.sum(axis=axis) for axis in (2, 1)]

    truth = 0.0 if noises[0] == noises[1] else float(metric(tests(1, MANY)[1])[0])
    rows, counts = tests(trials, size)
    table = ClassTable.with_prior(rows, counts, two_classifiers(2), 2)
    single = np.array(list(product(range(2), repeat=2)))
    without = counts[rows[:, 1] != rows[:, 2]].sum(axis=0) < FEWEST_APART
    for cells in of_each(counts):
        alone = ClassTable.with_prior(single, cells.reshape(4, -1), one_classifier(2), 2)
        without |= refused(alone)["mcc"]
    ours = inside(table.intervals("mcc", part), truth, without)
    return {"paired difference of MCC": (ours, drawn_again(generator, counts, metric, truth))}


def several_classes(generator: Generator, trials: int, size: int, shares: list[float]) -> Held:
    """Called right in three cases of four, else any other class."""
    trials *= SEVERAL
    classes = len(shares)
    wrong = 0.25 / (classes - 1)
    cells = np.full((classes, classes), wrong) + (0.75 - wrong) * np.eye(classes)
    cells *= np.array(shares)[:, None]
    rows = np.array(list(product(range(classes), repeat=2)))
    counts = generator.multinomial(size, cells.ravel() / cells.sum(), size=trials).T
    table = ClassTable.with_prior(rows, counts, one_classifier(classes), classes)
    found: Held = {}
    for name in ("accuracy", "f1", "mcc"):
        without = refused(table).get(name)
        truth = float(confusion_metrics(cells)[name])
        ours = inside(table.intervals(name, np.ones(1)), truth, without)
        found[name] = (ours, None)
    return found
