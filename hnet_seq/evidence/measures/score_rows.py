"""A line of a classification table: scores, how sure they are, and what is left without leaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.class_intervals import (
    Predictions,
    class_intervals,
    paired_difference,
    without_interval,
)
from hnet_seq.evidence.measures.metrics import (
    METRICS,
    Metrics,
    calibration,
    classification_metrics,
    confusion,
)
from hnet_seq.results.classification import CleanScores, Comparison, ScoreRow


def score_row(
    name: str,
    kind: Literal["model", "baseline"],
    probabilities: Predictions,
    labels: NDArray[np.integer],
    *,
    clean: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> ScoreRow:
    """Scores of one classifier, trained once or with several seeds.

    Args:
        probabilities: (N, C) of each seed.
        labels: (N,) class numbers 0 .. C - 1.
        clean: (N,) False for the sequences that leaked into training, as
            :func:`hnet_seq.evidence.audit.task.audit` finds them. None, or no True: no scores
            without leaked sequences.
        seed: changes nothing: intervals are computed, not drawn.
    """
    per_seed = [classification_metrics(each, labels) for each in probabilities]
    means = _means(per_seed)
    intervals = class_intervals(probabilities, labels)
    why_not = without_interval(probabilities, labels)
    without_leaked = None
    if clean is not None and clean.all():
        without_leaked = CleanScores(
            n=len(labels), intervals=intervals, no_interval=why_not, **means
        )
    elif clean is not None and clean.any():
        left = [each[clean] for each in probabilities]
        without_leaked = CleanScores(
            n=int(clean.sum()),
            intervals=class_intervals(left, labels[clean]),
            no_interval=without_interval(left, labels[clean]),
            **_means([classification_metrics(each, labels[clean]) for each in left]),
        )
    first = probabilities[0]
    return ScoreRow(
        name=name,
        kind=kind,
        n=len(labels),
        per_seed=per_seed,
        intervals=intervals,
        no_interval=why_not,
        without_leaked=without_leaked,
        confusion=confusion(first.argmax(1), labels, first.shape[1]).tolist(),
        calibration=calibration(first, labels),
        **means,
    )


def compare(
    model: str,
    probabilities: Predictions,
    others: Sequence[tuple[str, Literal["model", "baseline"], Predictions]],
    labels: NDArray[np.integer],
) -> list[Comparison]:
    """One classifier's MCC minus that of each of the others: name, kind and probabilities."""
    return [
        Comparison(
            model=model,
            other=name,
            kind=kind,
            **paired_difference(probabilities, of_other, labels),
        )
        for name, kind, of_other in others
    ]


def _means(per_seed: Sequence[Metrics]) -> Metrics:
    def mean(name: str) -> float | None:
        values = [each[name] for each in per_seed]  # type: ignore[literal-required]
        return None if None in values else float(np.mean(values))

    return Metrics(**{name: mean(name) for name in METRICS})  # type: ignore[typeddict-item]


def format_table(rows: Sequence[ScoreRow]) -> str:
    """Rows as aligned text, in the order given: MCC with its interval comes first.

    With several seeds the standard deviation over them stands behind MCC. ``clean MCC`` is without
    the test sequences that leaked, where any did.
    """
    several = any(len(row["per_seed"]) > 1 for row in rows)
    leaked = any((clean := row["without_leaked"]) and clean["n"] < row["n"] for row in rows)
    head = ["classifier", "MCC", "95% interval", *["sd"] * several, *["clean MCC"] * leaked]
    lines = [[*head, "accuracy", "F1", "AUROC", "AUPRC", ""]]
    for row in rows:
        clean = row["without_leaked"]
        spread = (
            float(np.std([each["mcc"] for each in row["per_seed"]], ddof=1))
            if (len(row["per_seed"]) > 1)
            else None
        )
        lines.append(
            [
                row["name"],
                _shown(row["mcc"]),
                _interval(row["intervals"]["mcc"], row["no_interval"].get("mcc")),
                *[_shown(spread)] * several,
                *[_shown(clean["mcc"] if clean else None)] * leaked,
                *(_shown(row[name]) for name in ("accuracy", "f1", "auroc", "auprc")),
                "(baseline)" if row["kind"] == "baseline" else "",
            ]
        )
    return aligned(lines)


def format_comparisons(found: Sequence[Comparison]) -> str:
    """MCC of one classifier minus that of every other, with intervals, as aligned text."""
    if not found:
        return ""
    head = [f"{found[0]['model']} minus", "MCC", "95% interval", ""]
    lines = [
        [
            each["other"],
            f"{each['mcc']:+.3f}",
            _interval(each["interval"], each["no_interval"], signed=True),
            "(baseline)" if each["kind"] == "baseline" else "",
        ]
        for each in found
    ]
    return aligned([head, *lines])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as text: numbers to the right, the first and the last column to the left."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, len(line) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _shown(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _interval(ends: list[float] | None, why_not: str | None, *, signed: bool = False) -> str:
    if ends is None:
        return why_not or "n/a"
    low, high = (f"{end:+.3f}" if signed else f"{end:.3f}" for end in ends)
    return f"{low} to {high}"
