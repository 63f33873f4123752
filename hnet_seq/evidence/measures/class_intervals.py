"""How sure a score is, and how sure the difference of two: intervals over the test sequences.

The table of which class was called what is tilted (:mod:`hnet_seq.evidence.measures.tilting`).
Added to it are half a sequence that is right and half one that is wrong for each of two classes;
one right and one wrong in all for more classes, spread evenly. Drawing sequences with replacement
instead (the percentile bootstrap) never sees an error that the test did not happen to hold, and
holds the true MCC in 72% of tests of 50 sequences, 10% of them positive, where it says 95%.
``studies/interval_coverage.py`` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hnet_seq.evidence.measures.class_table import ClassTable, one_classifier, two_classifiers
from hnet_seq.evidence.measures.let_in import FEWEST, FEWEST_CALLED
from hnet_seq.evidence.measures.metrics import METRICS, matthews_correlation
from hnet_seq.evidence.measures.tilting import Floats, Z
from hnet_seq.results.classification import Difference, Intervals

HIGHEST_AREA = 0.95  # of the ROC curve: beyond it the interval is wider than it says
FEWEST_RANKED = 10  # for the area, which does not ask for calls
FEWEST_APART = 5  # sequences that only one of two classifiers has right

Predictions = Sequence[NDArray[np.floating]]
"""(N, C) probabilities for each seed of training."""


def class_intervals(probabilities: Predictions, labels: NDArray[np.integer]) -> Intervals:
    """95% intervals of each metric's mean over seeds of training.

    An interval tells of the test split, not of the training. It always holds the score.

    Args:
        probabilities: (N, C) for each seed of training.
        labels: (N,).

    Returns:
        [low, high] by metric; None where :func:`without_interval` says why.
    """
    refused = without_interval(probabilities, labels)
    seeds = len(probabilities)
    table = _table(probabilities, labels)
    share = np.full(seeds, 1 / seeds)
    intervals: Intervals = {}
    for name in METRICS:
        if name in refused:
            intervals[name] = None
        elif name == "auroc":
            second = labels == 1
            area, positive = _mean_area(probabilities, second), int(second.sum())
            low, high = auroc_intervals(
                np.array([area]), np.array([positive]), np.array([len(labels) - positive])
            )
            intervals[name] = [float(low[0]), float(high[0])]
        else:
            low, high = table.intervals(name, share)
            intervals[name] = [float(low[0]), float(high[0])]
    return intervals


def without_interval(probabilities: Predictions, labels: NDArray[np.integer]) -> dict[str, str]:
    """Why a metric has no interval, in a few words, by metric; those that have one are left out."""
    table = _table(probabilities, labels)
    members, called = (int(each[0]) for each in table.fewest())
    found = {"auprc": "no method covers"}
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(("f1", "mcc", "auroc"), "one class in the test") | found
    if members < FEWEST:
        found |= dict.fromkeys(("f1", "mcc"), f"under {FEWEST} of a class")
    elif all(len(np.unique(each.argmax(1))) < 2 for each in probabilities):
        found |= dict.fromkeys(("f1", "mcc"), "one class predicted")
    else:
        for name, fewest in FEWEST_CALLED.items():
            if called < fewest:
                found[name] = f"a class called under {fewest} times"
    if members < FEWEST_RANKED:
        found["auroc"] = f"under {FEWEST_RANKED} of a class"
    elif probabilities[0].shape[1] > 2:
        found["auroc"] = "more than two classes"
    elif len(probabilities) > 1:
        found["auroc"] = "several seeds"  # whose mean varies less than one of them
    elif abs(_mean_area(probabilities, labels == 1) - 0.5) > HIGHEST_AREA - 0.5:
        found["auroc"] = f"over {HIGHEST_AREA}"
    return found


def paired_difference(
    one: Predictions, other: Predictions, labels: NDArray[np.integer]
) -> Difference:
    """MCC of ``one`` minus MCC of ``other``, means over seeds, on the same sequences.

    Two intervals that overlap say little of it: what both classifiers find hard moves both.
    """
    value = _mcc(one, labels) - _mcc(other, labels)
    constant = [all(np.ptp(each, axis=0).max() == 0 for each in both) for both in (one, other)]
    if any(constant):  # whose MCC is 0 in every test
        varies, sign = (other, -1) if constant[0] else (one, 1)
        refused = without_interval(varies, labels).get("mcc")
        own = class_intervals(varies, labels)["mcc"]
        ends = None if own is None else sorted(sign * end for end in own)
        return Difference(mcc=value, interval=ends, no_interval=refused)
    for each in (one, other):
        if why := without_interval(each, labels).get("mcc"):
            return Difference(mcc=value, interval=None, no_interval=why)
    if (_right(one, labels) != _right(other, labels)).sum() < FEWEST_APART:
        why = f"under {FEWEST_APART} told apart"
        return Difference(mcc=value, interval=None, no_interval=why)
    predicted = [each.argmax(1) for each in (*one, *other)]
    prior = partial(two_classifiers, one=len(one), other=len(other))
    table = ClassTable.of(labels, predicted, prior)
    share = np.repeat([1 / len(one), -1 / len(other)], [len(one), len(other)])
    low, high = table.intervals("mcc", share)
    ends = [min(float(low[0]), value), max(float(high[0]), value)]
    return Difference(mcc=value, interval=ends, no_interval=None)


def _table(probabilities: Predictions, labels: NDArray[np.integer]) -> ClassTable:
    predicted = [each.argmax(1) for each in probabilities]
    return ClassTable.of(labels, predicted, partial(one_classifier, seeds=len(predicted)))


def _right(probabilities: Predictions, labels: NDArray[np.integer]) -> Floats:
    """(N,) the share of seeds that have a sequence right."""
    return np.mean([each.argmax(1) == labels for each in probabilities], axis=0)


def _mcc(probabilities: Predictions, labels: NDArray[np.integer]) -> float:
    each = [matthews_correlation(p.argmax(1), labels, p.shape[1]) for p in probabilities]
    return float(np.mean(each))


def _mean_area(probabilities: Predictions, second: NDArray[np.bool_]) -> float:
    """Under the ROC curve, the mean over seeds."""
    return float(np.mean([area(each[second, 1], each[~second, 1]) for each in probabilities]))


def area(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> float:
    """Under the ROC curve: how often a positive (P,) is above a negative (Q,), ties half."""
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)].sum()
    wins = float(ranks) - len(positive) * (len(positive) + 1) / 2
    return wins / (len(positive) * len(negative))


def auroc_intervals(
    areas: Floats, positive: NDArray[np.integer], negative: NDArray[np.integer]
) -> tuple[Floats, Floats]:
    """Where the distance to each area (T,) is 1.96 standard errors of the true area.

    Hanley and McNeil's variance (Radiology 143, 1982) in the score interval of Newcombe (Stat. Med.
    25, 2006, method 5).
    """
    outside = np.array([[0.0], [1.0]]) * np.ones(areas.shape)
    inside = np.ones_like(outside) * areas
    for _ in range(50):
        true = (inside + outside) / 2
        one, two = true / (2 - true), 2 * true**2 / (1 + true)
        # Which class varies more is not known: both count as the mean of the two.
        several = ((positive + negative) / 2 - 1) * (one + two - 2 * true**2)
        variance = (true * (1 - true) + several) / (positive * negative)
        holds = np.abs(true - areas) <= Z * np.sqrt(np.maximum(variance, 0))
        inside, outside = np.where(holds, true, inside), np.where(holds, outside, true)
    return inside[0], inside[1]
