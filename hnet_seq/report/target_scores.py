"""``classification.json`` where rows have several labels, or numbers: read, and as a section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.html import Markup, element, table
from hnet_seq.report.json_files import fields, optional_number, read_object
from hnet_seq.report.scores import plain
from hnet_seq.report.twin import TWIN_ROW, Measure, worth
from hnet_seq.report.wording import score
from modalities.errors import InputError

KIND = "targets"

_METRICS = {
    "multi-label": {
        "f1_micro": "Micro F1",
        "f1_macro": "Macro F1",
        "mcc": "MCC",
        "auroc": "AUROC",
        "auprc": "AUPRC",
        "exact": "All right",
    },
    "regression": {"spearman": "Spearman", "pearson": "Pearson", "r2": "R2", "rmse": "RMSE"},
}
_READ = {
    "multi-label": "Micro F1 counts all labels of all rows together; macro F1, MCC, AUROC and "
    "AUPRC are means over labels; all right is the share of rows whose set of labels is right. A "
    "label is predicted from a probability of 0.5 on.",
    "regression": "Correlations stand at 0 for guessing; R2 is the share of the variance that is "
    "explained, below 0 for what is worse than the mean; RMSE is in the units of the labels.",
}
_APART = ("rows", "audit", "kind")


@dataclass(frozen=True)
class TargetScore:
    """One predictor on the test split.

    Attributes:
        metrics: by name, None where undefined.
        intervals: 95%, [low, high] by name.
        of_labels: metrics of each label, with its rows as ``n``; empty for numbers.
    """

    name: str
    baseline: bool
    n: int
    metrics: dict[str, float | None]
    intervals: dict[str, list[float] | None]
    of_labels: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class TargetScores:
    """All predictors of one task."""

    problem: str
    scores: list[TargetScore]
    findings: list[str]
    facts: list[tuple[str, str]]


def read_targets(path: Path) -> TargetScores | None:
    """None for a file about classes.

    Raises:
        InputError: the file is not what ``hnet-seq classify`` writes.
    """
    content = read_object(path)
    if content.get("kind") != KIND:
        return None
    problem = content.get("problem")
    if problem not in _METRICS:
        raise InputError(
            path, f"problem {problem!r} is not known; make it again", where="top level"
        )
    rows = fields(content, path, "top level", "rows", kind=list)["rows"]
    audit = fields(content, path, "top level", "audit", kind=dict)["audit"]
    findings = fields(audit, path, "audit", "findings", kind=list)["findings"]
    facts = [(key.replace("_", " "), plain(v)) for key, v in content.items() if key not in _APART]
    return TargetScores(
        problem,
        [_row(row, problem, path, f"rows[{index}]") for index, row in enumerate(rows)],
        [f"{each['kind']}: {each['text']}. {each['remedy']}" for each in findings],
        facts,
    )


def _row(row: Any, problem: str, path: Path, where: str) -> TargetScore:
    fields(row, path, where, "name", "kind", "n", "of_labels")
    fields(row, path, where, "metrics", "intervals", kind=dict)
    names = _METRICS[problem]
    metrics = {name: optional_number(row["metrics"], name, path, where) for name in names}
    of_labels = {
        label: {name: optional_number(own, name, path, where) for name in ("n", *names)}
        for label, own in (row["of_labels"] or {}).items()
    }
    baseline = row["kind"] == "baseline"
    return TargetScore(row["name"], baseline, row["n"], metrics, row["intervals"], of_labels)


def target_section(found: TargetScores | None) -> Markup:
    """A table of scores, of each label too, and what the audit found."""
    assert found is not None
    names = _METRICS[found.problem]
    first = next(iter(names))
    title = "Several labels" if found.problem == "multi-label" else "Numbers"
    head = ["Features", "Kind", names[first], "95% interval", *list(names.values())[1:]]
    parts = [
        element("h2", f"Classification: {title.lower()}", id="classification"),
        *(element("p", text) for text in found.findings),
        table(
            head,
            [_cells(each, first) for each in found.scores],
            numeric=range(2, len(head)),
            caption="Test sequences only; intervals are over rows, or groups of them. "
            + _READ[found.problem],
        ),
        *_worth(found),
        *_of_labels(found),
        table(("Detail", "Value"), found.facts),
    ]
    return element("section", *parts, aria_labelledby="classification")


def target_lines(found: TargetScores) -> list[tuple[str, ...]]:
    """The table for a terminal, its header first."""
    names = _METRICS[found.problem]
    first = next(iter(names))
    head = ("predictor", "kind", names[first], "95% interval", *list(names.values())[1:])
    return [head, *(tuple(_cells(each, first)) for each in found.scores)]


def _cells(found: TargetScore, first: str) -> list[str]:
    ends = found.intervals.get(first)
    return [
        found.name,
        "baseline" if found.baseline else "model",
        score(found.metrics[first]),
        f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else score(None),
        *(score(value) for name, value in found.metrics.items() if name != first),
    ]


def _worth(found: TargetScores) -> Sequence[Markup]:
    """The first model's row minus the untrained twin's."""
    first = next(iter(_METRICS[found.problem]))
    model = next((each for each in found.scores if not each.baseline), None)
    twin = next((each for each in found.scores if each.name.startswith(TWIN_ROW)), None)
    if model is None or twin is None:
        return []

    def measures(row: TargetScore) -> list[Measure]:
        low, high = row.intervals.get(first) or (None, None)
        names = _METRICS[found.problem].items()
        ends = {first: (low, high)}
        return [
            Measure(title, row.metrics[name], *ends.get(name, (None, None)))
            for name, title in names
        ]

    return [worth(measures(model), measures(twin), f": {model.name}")]


def _of_labels(found: TargetScores) -> Sequence[Markup]:
    shown = next((each for each in found.scores if each.of_labels), None)
    if shown is None:
        return []
    names = {"mcc": "MCC", "f1_macro": "F1", "auroc": "AUROC", "auprc": "AUPRC"}
    rows = [
        (label, f"{own['n']:,.0f}", *(score(own[name]) for name in names))
        for label, own in shown.of_labels.items()
    ]
    return [
        table(
            ("Label", "Test rows", *names.values()),
            rows,
            numeric=range(1, len(names) + 2),
            caption=f"Each label, {shown.name}",
        )
    ]
