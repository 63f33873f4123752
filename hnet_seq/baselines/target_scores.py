"""A line of a table of scores where rows have several labels, or a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from hnet_seq.baselines.score_rows import aligned

REPLICATES = 1000
_AT_ONCE = 1 << 20  # weights of a part of the bootstrap

Floats = NDArray[np.float64]
Values = dict[str, float | None]

METRICS = {
    "multi-label": ("f1_micro", "f1_macro", "mcc", "auroc", "auprc", "exact"),
    "regression": ("spearman", "pearson", "r2", "rmse"),
}
"""The scores of a problem, the one that comes first in a table before the others."""

NAMES = {
    "f1_micro": "micro F1",
    "f1_macro": "macro F1",
    "mcc": "MCC",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "exact": "all right",
    "spearman": "Spearman",
    "pearson": "Pearson",
    "r2": "R2",
    "rmse": "RMSE",
}


class TargetRow(TypedDict):
    """One predictor on the test split.

    ``metrics`` are means over the seeds of training, None where undefined; ``intervals`` 95%, of a
    percentile bootstrap over groups of test rows; ``of_labels`` the same of each label, of the
    first seed; ``without_leaked`` the metrics and their number of rows without those that leaked.
    """

    name: str
    kind: Literal["model", "baseline"]
    n: int
    metrics: Values
    per_seed: list[Values]
    intervals: dict[str, list[float] | None]
    of_labels: dict[str, Values] | None
    without_leaked: dict[str, Values | int] | None


def target_row(
    problem: str,
    name: str,
    kind: Literal["model", "baseline"],
    predictions: Sequence[NDArray[np.floating]],
    targets: Floats,
    names: Sequence[str],
    *,
    clean: NDArray[np.bool_] | None = None,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> TargetRow:
    """Scores of one predictor, trained once or with several seeds.

    Args:
        problem: ``multi-label`` or ``regression``.
        predictions: (N, C) probabilities, or (N, 1) numbers, of each seed.
        targets: (N, C) of 0 and 1, or (N, 1).
        names: of the C columns.
        clean: (N,) False for rows that leaked into training; None where nobody looked.
        groups: of the rows; whole groups are drawn by the bootstrap, which ``seed`` is of.
    """
    measure = _label_scores if problem == "multi-label" else _number_scores
    per_seed = [measure(each, targets) for each in predictions]
    left: dict[str, Values | int] | None = None
    if clean is not None and clean.any():
        kept = [measure(each[clean], targets[clean]) for each in predictions]
        left = {"n": int(clean.sum()), "metrics": _means(kept)}
    of_labels = None
    if problem == "multi-label":
        first = predictions[0]
        of_labels = {
            label: {
                "n": float(targets[:, at].sum()),
                **_label_scores(first[:, at : at + 1], targets[:, at : at + 1]),
            }
            for at, label in enumerate(names)
        }
    return TargetRow(
        name=name,
        kind=kind,
        n=len(targets),
        metrics=_means(per_seed),
        per_seed=per_seed,
        intervals=_intervals(problem, predictions, targets, groups, seed),
        of_labels=of_labels,
        without_leaked=left,
    )


def format_targets(problem: str, rows: Sequence[TargetRow]) -> str:
    """Rows as aligned text, the first metric with its interval."""
    first, *others = METRICS[problem]
    several = any(len(row["per_seed"]) > 1 for row in rows)
    leaked = any((left := row["without_leaked"]) and left["n"] != row["n"] for row in rows)
    head = ["predictor", NAMES[first], "95% interval", *["sd"] * several]
    lines = [[*head, *["clean"] * leaked, *(NAMES[name] for name in others), ""]]
    for row in rows:
        ends, left = row["intervals"][first], row["without_leaked"]
        clean = left["metrics"] if left else None
        line = [row["name"], shown(row["metrics"][first])]
        line.append("n/a" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}")
        line += [shown(spread(row, first))] * several
        line += [shown(clean[first] if isinstance(clean, dict) else None)] * leaked
        line += [shown(row["metrics"][name]) for name in others]
        lines.append([*line, "(baseline)" if row["kind"] == "baseline" else ""])
    return aligned(lines)


def spread(row: TargetRow, name: str) -> float | None:
    """The standard deviation of a metric over seeds; None for one seed."""
    values = [value for each in row["per_seed"] if (value := each[name]) is not None]
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def shown(value: float | None) -> str:
    """Three decimals."""
    return "n/a" if value is None else f"{value:.3f}"


def _means(per_seed: Sequence[Values]) -> Values:
    found: Values = {}
    for name in per_seed[0]:
        values = [value for each in per_seed if (value := each[name]) is not None]
        found[name] = float(np.mean(values)) if len(values) == len(per_seed) else None
    return found


def _label_scores(probabilities: NDArray[np.floating], targets: Floats) -> Values:
    """Means over the labels for which a score is defined, but for micro F1 and rows all right."""
    once = np.ones((len(targets), 1))
    values = {name: of(probabilities, targets, once)[0] for name, of in _COUNTED.items()}
    usable = [at for at, column in enumerate(targets.T) if 0 < column.sum() < len(column)]
    for name, curve in (("auroc", roc_auc_score), ("auprc", average_precision_score)):
        found = [float(curve(targets[:, at], probabilities[:, at])) for at in usable]
        values[name] = float(np.mean(found)) if found else np.nan
    values["exact"] = float(((probabilities >= 0.5) == (targets > 0)).all(1).mean())
    return {name: _defined(values[name]) for name in METRICS["multi-label"]}


def _number_scores(predictions: NDArray[np.floating], targets: Floats) -> Values:
    once = np.ones((len(targets), 1))
    values = {name: of(predictions, targets, once)[0] for name, of in _OF_NUMBERS.items()}
    return {name: _defined(values[name]) for name in METRICS["regression"]}


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _intervals(
    problem: str,
    predictions: Sequence[NDArray[np.floating]],
    targets: Floats,
    groups: Sequence[str] | None,
    seed: int,
) -> dict[str, list[float] | None]:
    measures = _COUNTED if problem == "multi-label" else _OF_NUMBERS
    group = np.arange(len(targets))
    if groups is not None:
        group = np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(group.max()) + 1
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[Floats]] = {name: [] for name in measures}
    at_once = max(1, min(REPLICATES, _AT_ONCE // len(targets)))
    for begin in range(0, REPLICATES, at_once):
        size = min(at_once, REPLICATES - begin)
        weights = np.stack(
            [np.bincount(generator.integers(0, count, count), minlength=count) for _ in range(size)]
        )[:, group].T.astype(np.float64)
        for name, of in measures.items():
            drawn[name].append(np.mean([of(each, targets, weights) for each in predictions], 0))
    found: dict[str, list[float] | None] = {}
    for name, parts in drawn.items():
        values = np.concatenate(parts)
        # A score that is undefined on some draws has too few rows for an interval.
        ends = np.percentile(values, [2.5, 97.5]).tolist() if not np.isnan(values).any() else None
        found[name] = ends
    return found


Weighted = Callable[[NDArray[np.floating], Floats, Floats], Floats]
"""Predictions (N, C), targets (N, C), weights (N, R) to a score of each weighting, (R,)."""


def _counts(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> list[Floats]:
    """Hits, predicted and true rows of each label, (C, R) each, and all rows, (R,)."""
    said, true = (predicted >= 0.5).T.astype(np.float64), targets.T
    return [(said * true) @ weights, said @ weights, true @ weights, weights.sum(0)]


def _f1_micro(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    hits, said, true, _ = (part.sum(0) for part in _counts(predicted, targets, weights))
    return 2 * hits / np.maximum(said + true, 1e-300)


def _f1_macro(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    hits, said, true, _ = _counts(predicted, targets, weights)
    either = said + true
    return _mean_of_defined(2 * hits / np.maximum(either, 1e-300), either > 0)


def _mcc(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    hits, said, true, total = _counts(predicted, targets, weights)
    covariance = total * hits - said * true
    variance = said * (total - said) * true * (total - true)
    # 0 for a label that is always or never predicted; none where it is always or never true.
    mcc = np.where(variance > 0, covariance / np.sqrt(np.where(variance > 0, variance, 1)), 0.0)
    return _mean_of_defined(mcc, (true > 0) & (true < total))


def _mean_of_defined(values: Floats, defined: NDArray[np.bool_]) -> Floats:
    count = defined.sum(0)
    mean = np.where(defined, values, 0).sum(0) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


_COUNTED: dict[str, Weighted] = {"f1_micro": _f1_micro, "f1_macro": _f1_macro, "mcc": _mcc}


def _pearson(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    return _correlation(predicted[:, :1].astype(np.float64) + 0 * weights, targets, weights)


def _spearman(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    return _correlation(_ranks(predicted[:, 0], weights), _ranks(targets[:, 0], weights), weights)


def _ranks(values: NDArray[np.floating], weights: Floats) -> Floats:
    """Mean ranks of rows that occur ``weights`` times each, (N, R)."""
    order = np.argsort(values, kind="stable")
    _, starts, place = np.unique(values[order], return_index=True, return_inverse=True)
    count = np.add.reduceat(weights[order], starts, 0)
    ranks = np.empty_like(weights)
    ranks[order] = (np.cumsum(count, 0) - count / 2)[place]
    return ranks


def _correlation(one: Floats, two: Floats, weights: Floats) -> Floats:
    total = weights.sum(0)
    one = one - (one * weights).sum(0) / total
    two = two - (two * weights).sum(0) / total
    scale = np.sqrt((one * one * weights).sum(0) * (two * two * weights).sum(0))
    # What is below that is the rounding of a constant.
    covariance = (one * two * weights).sum(0)
    return np.where(scale > 1e-12, covariance / np.maximum(scale, 1e-300), np.nan)


def _errors(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    return (np.square(predicted[:, :1] - targets) * weights).sum(0) / weights.sum(0)


def _r2(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    mean = (targets * weights).sum(0) / weights.sum(0)
    variance = (np.square(targets - mean) * weights).sum(0) / weights.sum(0)
    errors = _errors(predicted, targets, weights)
    return np.where(variance > 0, 1 - errors / np.maximum(variance, 1e-300), np.nan)


def _rmse(predicted: NDArray[np.floating], targets: Floats, weights: Floats) -> Floats:
    return np.sqrt(_errors(predicted, targets, weights))


_OF_NUMBERS: dict[str, Weighted] = {
    "spearman": _spearman,
    "pearson": _pearson,
    "r2": _r2,
    "rmse": _rmse,
}
