"""A line of a table of scores where rows have several labels, or a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from hnet_seq.evidence.measures.score_rows import aligned
from hnet_seq.evidence.measures.spearman import rank_correlation
from hnet_seq.evidence.measures.target_intervals import (
    LABEL_SCORES,
    NUMBER_SCORES,
    Floats,
    label_table,
    number_table,
    target_intervals,
)
from hnet_seq.results.classification import METRIC_NAMES as NAMES
from hnet_seq.results.classification import TARGET_METRICS as METRICS
from hnet_seq.results.classification import TargetRow, Values


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
) -> TargetRow:
    """Scores of one predictor, trained once or with several seeds.

    Args:
        problem: ``multi-label`` or ``regression``.
        predictions: (N, C) probabilities, or (N, 1) numbers, of each seed.
        targets: (N, C) of 0 and 1, or (N, 1).
        names: of the C columns.
        clean: (N,) False for rows that leaked into training; None where nobody looked.
        groups: of the rows; intervals leave out whole ones.
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
    intervals, no_interval = target_intervals(problem, predictions, targets, groups)
    return TargetRow(
        name=name,
        kind=kind,
        n=len(targets),
        metrics=_means(per_seed),
        per_seed=per_seed,
        intervals=intervals,
        no_interval=no_interval,
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
        line.append(
            row["no_interval"].get(first, "n/a")
            if ends is None
            else f"{ends[0]:.3f} to {ends[1]:.3f}"
        )
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
    sums = label_table(probabilities, targets).sum(axis=0, keepdims=True)
    values = {name: float(of(sums)[0]) for name, of in LABEL_SCORES.items()}
    usable = [at for at, column in enumerate(targets.T) if 0 < column.sum() < len(column)]
    for name, curve in (("auroc", roc_auc_score), ("auprc", average_precision_score)):
        found = [float(curve(targets[:, at], probabilities[:, at])) for at in usable]
        values[name] = float(np.mean(found)) if found else np.nan
    values["exact"] = float(((probabilities >= 0.5) == (targets > 0)).all(1).mean())
    return {name: _defined(values[name]) for name in METRICS["multi-label"]}


def _number_scores(predictions: NDArray[np.floating], targets: Floats) -> Values:
    sums = number_table(predictions, targets).sum(axis=0, keepdims=True)
    values = {name: float(of(sums)[0]) for name, of in NUMBER_SCORES.items()}
    rho, _ = rank_correlation(predictions[:, 0], targets[:, 0])
    values["spearman"] = np.nan if rho is None else rho
    return {name: _defined(values[name]) for name in METRICS["regression"]}


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
