"""Scores of several labels and of numbers as functions of sums over rows, and their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.spearman import FEWEST, correlation_interval, few, rank_correlation
from hnet_seq.resampling import Scale, jackknife

FEWEST_OF_LABEL = 10  # rows, or groups, with and without it, and called so and not
FEWEST_OF_ALL = 5  # rows, or groups, with a label that is right, and with one that is wrong
LEAST_SAID = 4  # variance of predictions, in variances of the targets' mean, for R2
FEWEST_ERRORS = 50  # for RMSE: squares of errors differ more than what they are errors of

Floats = NDArray[np.float64]

Score = Callable[[Floats], Floats]
"""Sums (R, K) over rows of a table to R values, NaN where undefined."""

Intervals = dict[str, list[float] | None]


def target_intervals(
    problem: str,
    predictions: Sequence[NDArray[np.floating]],
    targets: Floats,
    groups: Sequence[str] | None = None,
) -> tuple[Intervals, dict[str, str]]:
    """95% intervals of each score's mean over seeds of training, and why one has none.

    A jackknife over rows, or over ``groups`` of them; that of Spearman's rho is the one of
    :mod:`hnet_seq.evidence.measures.spearman`.

    Args:
        problem: ``multi-label`` or ``regression``.
        predictions: (N, C) probabilities, or (N, 1) numbers, of each seed.
        targets: (N, C) of 0 and 1, or (N, 1).
    """
    group = np.arange(len(targets))
    if groups is not None:
        group = np.unique(np.asarray(groups), return_inverse=True)[1]
    grouped = groups is not None
    intervals: Intervals = {}
    refused: dict[str, str] = {}
    if problem == "regression":
        _rank_interval(predictions, targets, group, grouped, intervals, refused)
    make, scores = (
        (label_table, LABEL_SCORES) if problem == "multi-label" else (number_table, NUMBER_SCORES)
    )
    tables = [_of_groups(make(each, targets), group) for each in predictions]
    for name, score in scores.items():
        if problem == "multi-label":
            why = _few_labels(name, tables, grouped)
        else:
            why = _few_numbers(name, tables, grouped)
        if why is None:
            low, high = jackknife(
                np.stack(tables, axis=1),
                lambda sums, of=score: _mean(of, sums),  # type: ignore[misc]
                scale=_SCALES[name],
            )
            if np.isfinite(low[0]):
                intervals[name] = [float(low[0]), float(high[0])]
                continue
            why = "constant or perfect but for a few"
        intervals[name] = None
        refused[name] = why
    return intervals, refused


def _mean(score: Score, sums: Floats) -> Floats:
    """(R, 1) over seeds, from (R, seeds, K)."""
    return np.mean([score(sums[:, seed]) for seed in range(sums.shape[1])], axis=0)[:, None]


def _of_groups(table: Floats, group: NDArray[np.int64]) -> Floats:
    summed = np.zeros((int(group.max()) + 1, table.shape[1]))
    np.add.at(summed, group, table)
    return summed


def _rank_interval(
    predictions: Sequence[NDArray[np.floating]],
    targets: Floats,
    group: NDArray[np.int64],
    grouped: bool,
    intervals: Intervals,
    refused: dict[str, str],
) -> None:
    found = [rank_correlation(each[:, 0], targets[:, 0]) for each in predictions]
    known = [rho for rho, _ in found if rho is not None]
    rho = float(np.mean(known)) if known else 1.0
    why = few(group, *(each[:, 0] for each in predictions), targets[:, 0], grouped=grouped)
    if len(known) < len(found) or abs(rho) > 1 - 1e-12:
        why = "constant or perfect"
    intervals["spearman"] = None
    if why is not None:
        refused["spearman"] = why
        return
    influence = np.mean([each for _, each in found], axis=0)
    intervals["spearman"] = list(correlation_interval(rho, influence, group))


def _few_labels(name: str, tables: Sequence[Floats], grouped: bool) -> str | None:
    """Why rows, or groups, say too little about a score of labels, or None."""
    units = "groups" if grouped else "rows"
    if len(tables[0]) < FEWEST:
        return f"under {FEWEST} {units}"
    for table in tables:
        hits, said, true, total = _columns(table)
        if name == "f1_micro":
            right, wrong = hits.sum(1), (said + true - 2 * hits).sum(1)
            if min((right > 0).sum(), (wrong > 0).sum()) < FEWEST_OF_ALL:
                return f"under {FEWEST_OF_ALL} {units} right or wrong"
            continue
        counted = (said + true).sum(0) > 0
        if name == "mcc":
            counted = (true.sum(0) > 0) & (true.sum(0) < total.sum())
        for column in (true, said, total[:, None] - true, total[:, None] - said):
            if ((column > 0).sum(0)[counted] < FEWEST_OF_LABEL).any():
                return f"under {FEWEST_OF_LABEL} {units} with a label, or called so"
    return None


def _few_numbers(name: str, tables: Sequence[Floats], grouped: bool) -> str | None:
    """Why rows, or groups, say too little about a score of numbers, or None."""
    fewest, count = FEWEST_ERRORS if name == "rmse" else FEWEST, len(tables[0])
    if count < fewest:
        return f"under {fewest} {'groups' if grouped else 'rows'}"
    if name == "r2":
        for table in tables:
            total, one, two, squared_one, squared_two = table.sum(axis=0)[:5]
            said, true = squared_one - one**2 / total, squared_two - two**2 / total
            # Then the error of the targets' mean, whose square R2 holds, is not small beside it.
            if count * said < LEAST_SAID * true:
                return "predictions that hardly vary"
    return None


def label_table(probabilities: NDArray[np.floating], targets: Floats) -> Floats:
    """(N, 3 C + 1): whether each label is right, was said, is true; and 1."""
    said = (probabilities >= 0.5).astype(np.float64)
    return np.concatenate([said * targets, said, targets, np.ones((len(targets), 1))], axis=1)


def _columns(sums: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Hits, predicted and true rows of each label, (R, C) each, and all rows, (R,)."""
    size = sums.shape[1] // 3
    return sums[:, :size], sums[:, size : 2 * size], sums[:, 2 * size : -1], sums[:, -1]


def _f1_micro(sums: Floats) -> Floats:
    hits, said, true = (part.sum(axis=1) for part in _columns(sums)[:3])
    return np.asarray(2 * hits / np.maximum(said + true, 1e-300))


def _f1_macro(sums: Floats) -> Floats:
    hits, said, true, _ = _columns(sums)
    either = said + true
    return _mean_of_defined(2 * hits / np.maximum(either, 1e-300), either > 0)


def _mcc(sums: Floats) -> Floats:
    hits, said, true, rows = _columns(sums)
    total = rows[:, None]
    covariance = total * hits - said * true
    variance = said * (total - said) * true * (total - true)
    # 0 for a label that is always or never predicted; none where it is always or never true.
    mcc = np.where(variance > 0, covariance / np.sqrt(np.where(variance > 0, variance, 1)), 0.0)
    return _mean_of_defined(mcc, (true > 0) & (true < total))


def _mean_of_defined(values: Floats, defined: NDArray[np.bool_]) -> Floats:
    count = defined.sum(axis=1)
    mean = np.where(defined, values, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def number_table(predictions: NDArray[np.floating], targets: Floats) -> Floats:
    """(N, 7): 1, the prediction, the target, their squares and product, the square of the error.

    Both are counted from their means, so that sums of squares keep their digits.
    """
    one, two = predictions[:, 0].astype(np.float64), targets[:, 0]
    error = np.square(one - two)
    one, two = one - one.mean(), two - two.mean()
    return np.stack([np.ones(len(one)), one, two, one * one, two * two, one * two, error], axis=1)


def _pearson(sums: Floats) -> Floats:
    count, one, two, squared_one, squared_two, product, _ = sums.T
    scale = np.sqrt(
        np.maximum(squared_one - one**2 / count, 0) * np.maximum(squared_two - two**2 / count, 0)
    )
    # What is below that is the rounding of a constant.
    covariance = product - one * two / count
    return np.where(scale > 1e-12, covariance / np.maximum(scale, 1e-300), np.nan)


def _r2(sums: Floats) -> Floats:
    variance = sums[:, 4] - sums[:, 2] ** 2 / sums[:, 0]
    return np.where(variance > 0, 1 - sums[:, 6] / np.maximum(variance, 1e-300), np.nan)


def _rmse(sums: Floats) -> Floats:
    return np.sqrt(sums[:, 6] / sums[:, 0])


LABEL_SCORES: dict[str, Score] = {"f1_micro": _f1_micro, "f1_macro": _f1_macro, "mcc": _mcc}
NUMBER_SCORES: dict[str, Score] = {"pearson": _pearson, "r2": _r2, "rmse": _rmse}

_SCALES: dict[str, Scale] = {
    "f1_micro": "share",
    "f1_macro": "share",
    "mcc": "correlation",
    "pearson": "correlation",
    "r2": "explained",
    "rmse": "ratio",
}
