"""``classification.json``: scores of classifiers, and the circumstances they were measured in."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from hnet_seq.report.json_files import (
    count_of,
    fields,
    number_of,
    optional_number,
    read_object,
)
from modalities.errors import InputError

_NAMES = {
    "n_train": "training sequences",
    "n_validation": "validation sequences",
    "n_test": "test sequences",
    "window": "window (bases)",
    "guard": "gap between training and test (bases)",
    "seeds": "seeds of training",
}
_APART = ("rows", "audit", "headline", "comparisons")  # that are no facts to list
_SEVERITIES = ("high", "medium", "low")

Interval = tuple[float, float]


@dataclass(frozen=True)
class Clean:
    """MCC on the ``n`` test sequences that did not leak into training, and its 95% interval."""

    n: int
    mcc: float
    interval: Interval | None


@dataclass(frozen=True)
class Bin:
    """Predictions of like confidence, and the share of them that is right."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Score:
    """One classifier on ``n`` test sequences; scores are means over the seeds of training.

    ``auroc`` and ``auprc`` are None where only one class occurs; ``interval`` is of MCC, 95%, and
    ``no_interval`` says why there is none; ``spread`` the standard deviation of MCC over seeds,
    None for one; ``clean`` None where nobody looked. ``confusion`` counts a row for each true
    class.
    """

    name: str
    baseline: bool
    n: int
    accuracy: float
    f1: float
    mcc: float
    auroc: float | None
    auprc: float | None
    interval: Interval | None
    spread: float | None
    clean: Clean | None
    confusion: list[list[int]]
    bins: list[Bin]
    ece: float
    no_interval: str | None = None


@dataclass(frozen=True)
class Minus:
    """MCC of the headline's classifier minus that of ``other``, on the same sequences."""

    other: str
    baseline: bool
    mcc: float
    interval: Interval | None
    no_interval: str | None


@dataclass(frozen=True)
class Finding:
    """What the audit of the splits found: how bad (high, medium, low), and what to do."""

    severity: str
    kind: str
    text: str
    remedy: str


@dataclass(frozen=True)
class Classification:
    """All classifiers of one task, and what may be wrong with its splits.

    ``minus`` has the headline's differences to the others; none in files of older versions.
    """

    classes: list[str]
    scores: list[Score]
    findings: list[Finding]
    facts: list[tuple[str, str]]
    name: str | None = None
    minus: list[Minus] = field(default_factory=list)

    @property
    def headline(self) -> Score | None:
        """The classifier that was decided on before the test: kept by ``train``, or fine-tuned.

        The verbs write it first of the models. Never the one that does best on the test.
        """
        models = [s for s in self.scores if not s.baseline] or self.scores
        named = [s for s in models if s.name == self.name]
        return next(iter([*named, *models]), None)

    @property
    def nearest(self) -> Minus | None:
        """The baseline that the headline gains least on."""
        return min((m for m in self.minus if m.baseline), key=lambda m: m.mcc, default=None)

    @property
    def leaked(self) -> int | None:
        """Test sequences that stand in training too; None where nobody looked."""
        return next((s.n - s.clean.n for s in self.scores if s.clean), None)


def read_classification(path: Path) -> Classification:
    """Raises InputError when the file is not what ``hnet-seq classify`` writes."""
    top = "top level"
    content = fields(read_object(path), path, top, "rows", "classes", kind=list)
    if "comparisons" in content:  # files of older versions have none
        fields(content, path, top, "comparisons", kind=list)
    found = fields(content, path, top, "audit", kind=dict)["audit"]
    findings = fields(found, path, "audit", "findings", kind=list)["findings"]
    classes = [f"{name}" for name in content["classes"]]
    return Classification(
        classes,
        [
            _score(row, len(classes), path, f"rows[{index}]")
            for index, row in enumerate(content["rows"])
        ],
        [_finding(each, path, f"audit.findings[{index}]") for index, each in enumerate(findings)],
        [
            (_NAMES.get(key, key.replace("_", " ")), plain(value))
            for key, value in content.items()
            if key not in _APART and value is not None
        ],
        content.get("headline"),
        [
            _minus(each, path, f"comparisons[{index}]")
            for index, each in enumerate(content.get("comparisons", []))
        ],
    )


def _minus(record: Any, path: Path, where: str) -> Minus:
    fields(record, path, where, "other", "kind", kind=str)
    return Minus(
        record["other"],
        record["kind"] == "baseline",
        _finite(record, "mcc", path, where),
        _interval({"mcc": fields(record, path, where, "interval")["interval"]}, path, where),
        record.get("no_interval"),
    )


def _finding(record: Any, path: Path, where: str) -> Finding:
    keys = ("severity", "kind", "text", "remedy")
    fields(record, path, where, *keys, kind=str)
    if record["severity"] not in _SEVERITIES:
        raise InputError(
            path,
            f"severity {record['severity']!r} is not {', '.join(_SEVERITIES)}; make it again",
            where=where,
        )
    return Finding(*(record[key] for key in keys))


def _score(row: Any, num_classes: int, path: Path, where: str) -> Score:
    fields(row, path, where, "name", "kind", "without_leaked")
    fields(row, path, where, "per_seed", "confusion", kind=list)
    fields(row, path, where, "intervals", "calibration", kind=dict)
    if "no_interval" in row:
        fields(row, path, where, "no_interval", kind=dict)
    if row["kind"] not in ("model", "baseline"):
        raise InputError(path, f"kind {row['kind']!r} is not model or baseline", where=where)
    calibration, there = row["calibration"], f"{where}.calibration"
    bins = fields(calibration, path, there, "bins", kind=list)["bins"]
    auroc, auprc = (optional_number(row, key, path, where) for key in ("auroc", "auprc"))
    return Score(
        name=f"{row['name']}",
        baseline=row["kind"] == "baseline",
        n=count_of(row, "n", path, where),
        accuracy=_finite(row, "accuracy", path, where),
        f1=_finite(row, "f1", path, where),
        mcc=_finite(row, "mcc", path, where),
        auroc=auroc,
        auprc=auprc,
        interval=_interval(row["intervals"], path, f"{where}.intervals"),
        spread=_spread(row["per_seed"], path, f"{where}.per_seed"),
        clean=_clean(row["without_leaked"], path, f"{where}.without_leaked"),
        confusion=_confusion(row["confusion"], num_classes, path, f"{where}.confusion"),
        bins=[_bin(each, path, f"{there}.bins[{index}]") for index, each in enumerate(bins)],
        ece=_finite(calibration, "ece", path, there),
        no_interval=row.get("no_interval", {}).get("mcc"),
    )


def _interval(intervals: Any, path: Path, where: str) -> Interval | None:
    ends = fields(intervals, path, where, "mcc")["mcc"]
    if ends is None:
        return None
    if not isinstance(ends, list) or len(ends) != 2:
        raise InputError(path, f"'mcc' is {ends!r}; expected [low, high]", where=where)
    low, high = (_finite({"mcc": end}, "mcc", path, where) for end in ends)
    return low, high


def _spread(per_seed: list[Any], path: Path, where: str) -> float | None:
    values = [number_of(each, "mcc", path, f"{where}[{i}]") for i, each in enumerate(per_seed)]
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5


def _clean(record: Any, path: Path, where: str) -> Clean | None:
    if record is None:
        return None
    intervals = fields(record, path, where, "intervals", kind=dict)["intervals"]
    return Clean(
        count_of(record, "n", path, where),
        _finite(record, "mcc", path, where),
        _interval(intervals, path, f"{where}.intervals"),
    )


def _confusion(rows: list[Any], num_classes: int, path: Path, where: str) -> list[list[int]]:
    if [len(row) if isinstance(row, list) else 0 for row in rows] != [num_classes] * num_classes:
        raise InputError(
            path,
            f"expected {num_classes} rows of {num_classes} counts, as there are classes; "
            "make it again",
            where=where,
        )
    return [
        [count_of({"count": cell}, "count", path, f"{where}[{index}]") for cell in row]
        for index, row in enumerate(rows)
    ]


def _bin(record: Any, path: Path, where: str) -> Bin:
    return Bin(
        _finite(record, "confidence", path, where),
        _finite(record, "accuracy", path, where),
        count_of(record, "count", path, where),
    )


def _finite(record: Any, key: str, path: Path, where: str) -> float:
    value = number_of(record, key, path, where)
    if not isfinite(value):
        raise InputError(path, f"{key!r} is {value}; expected a finite number", where=where)
    return value


def plain(value: Any) -> str:
    """A JSON value as a reader would write it."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(plain(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value}"
