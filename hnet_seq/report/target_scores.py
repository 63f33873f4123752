"""The section about classification where rows have several labels, or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hnet_seq.report.html import Markup, Section, element, table
from hnet_seq.report.twin import TWIN_ROW, Measure, worth
from hnet_seq.report.wording import limits, plain, score
from hnet_seq.results.classification import METRIC_NAMES, TARGET_METRICS, TargetRow, Targets

_METRICS = {
    problem: {name: METRIC_NAMES[name][0].upper() + METRIC_NAMES[name][1:] for name in names}
    for problem, names in TARGET_METRICS.items()
}
_READ = {
    "multi-label": "Micro F1 counts all labels of all rows together; macro F1, MCC, AUROC and "
    "AUPRC are means over labels; all right is the share of rows whose set of labels is right. A "
    "label is predicted from a probability of 0.5 on.",
    "regression": "Correlations stand at 0 for guessing; R2 is the share of the variance that is "
    "explained, below 0 for what is worse than the mean; RMSE is in the units of the labels.",
}


def target_section(found: Targets) -> Section:
    """A table of scores, of each label too, and what the audit found."""
    names = _METRICS[found.problem]
    first = next(iter(names))
    title = "Several labels" if found.problem == "multi-label" else "Numbers"
    head = ["Features", "Kind", names[first], "95% interval", *list(names.values())[1:]]
    parts = [
        *(
            element("p", f"{each['kind']}: {each['text']}. {each['remedy']}")
            for each in found.audit["findings"]
        ),
        table(
            head,
            [_cells(each, names) for each in found.rows],
            numeric=range(2, len(head)),
            caption="Test sequences only; intervals are over rows, or groups of them. "
            + _READ[found.problem],
        ),
        *_worth(found),
        *_of_labels(found),
        table(("Detail", "Value"), _facts(found)),
    ]
    return Section("classification", f"Classification: {title.lower()}", *parts)


def _facts(found: Targets) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), plain(value)) for key, value in found.details.items()]


def target_lines(found: Targets) -> list[tuple[str, ...]]:
    """The table for a terminal, its header first."""
    names = _METRICS[found.problem]
    first = next(iter(names))
    head = ("predictor", "kind", names[first], "95% interval", *list(names.values())[1:])
    return [head, *(tuple(_cells(each, names)) for each in found.rows)]


def _cells(found: TargetRow, names: Mapping[str, str]) -> list[str]:
    first = next(iter(names))
    metrics = found["metrics"]
    return [
        found["name"],
        found["kind"],
        score(metrics[first]),
        limits(found["intervals"].get(first)),
        *(score(metrics[name]) for name in names if name != first),
    ]


def _worth(found: Targets) -> Sequence[Markup]:
    """The first model's row minus the untrained twin's."""
    first = next(iter(_METRICS[found.problem]))
    model = next((each for each in found.rows if each["kind"] == "model"), None)
    twin = next((each for each in found.rows if each["name"].startswith(TWIN_ROW)), None)
    if model is None or twin is None:
        return []

    def measures(row: TargetRow) -> list[Measure]:
        low, high = row["intervals"].get(first) or (None, None)
        names = _METRICS[found.problem].items()
        ends = {first: (low, high)}
        return [
            Measure(title, row["metrics"][name], *ends.get(name, (None, None)))
            for name, title in names
        ]

    return [worth(measures(model), measures(twin), f": {model['name']}")]


def _of_labels(found: Targets) -> Sequence[Markup]:
    shown = next((each for each in found.rows if each["of_labels"]), None)
    if shown is None or not shown["of_labels"]:
        return []
    names = {"mcc": "MCC", "f1_macro": "F1", "auroc": "AUROC", "auprc": "AUPRC"}
    rows = [
        (label, f"{own['n']:,.0f}", *(score(own[name]) for name in names))
        for label, own in shown["of_labels"].items()
    ]
    return [
        table(
            ("Label", "Test rows", *names.values()),
            rows,
            numeric=range(1, len(names) + 2),
            caption=f"Each label, {shown['name']}",
        )
    ]
