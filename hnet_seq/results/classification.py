"""``classification.json``: scores of classifiers, and the circumstances they were measured in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NotRequired, TypedDict

from hnet_seq.results.audit import Audit
from hnet_seq.results.record import Result
from pipelines.storage.json_records import Finite, Rest

Kind = Literal["model", "baseline"]
Interval = Annotated[list[Finite], 2] | None
"""[low, high], 95%."""
Intervals = dict[str, Interval]
Values = dict[str, float | None]

TARGET_METRICS = {
    "multi-label": ("f1_micro", "f1_macro", "mcc", "auroc", "auprc", "exact"),
    "regression": ("spearman", "pearson", "r2", "rmse"),
}
"""The scores of a problem, the one that comes first in a table before the others."""

METRIC_NAMES = {
    **{"f1_micro": "micro F1", "f1_macro": "macro F1", "mcc": "MCC", "auroc": "AUROC"},
    **{"auprc": "AUPRC", "exact": "all right", "spearman": "Spearman", "pearson": "Pearson"},
    **{"r2": "R2", "rmse": "RMSE"},
}


class Metrics(TypedDict):
    """Scores of one set of predictions; areas are None where only one class occurs."""

    accuracy: Finite
    f1: Finite
    mcc: Finite
    auroc: float | None
    auprc: float | None


class Bin(TypedDict):
    """Sequences of like confidence: its mean, the share of right predictions, how many."""

    confidence: Finite
    accuracy: Finite
    count: int


class Calibration(TypedDict):
    """Bins in ascending order of confidence, and the expected calibration error."""

    bins: list[Bin]
    ece: Finite


class _Clean(TypedDict):
    n: int
    intervals: Intervals
    no_interval: NotRequired[dict[str, str]]


class CleanScores(_Clean, Metrics):
    """Scores on the test sequences that do not stand in the training data."""


class _Row(TypedDict):
    name: str
    kind: Kind
    n: int


class ScoreRow(_Row, Metrics):
    """One classifier on the test split.

    The metrics are means over the seeds of training. ``intervals`` are 95%, over the test
    sequences, of these means; ``no_interval`` says why a metric has none. ``without_leaked`` is
    None where nobody looked for leaks. ``confusion`` (C, C) counts the first seed's predictions, a
    row for each true class; ``calibration`` is of the first seed too.
    """

    per_seed: list[Metrics]
    intervals: Intervals
    no_interval: NotRequired[dict[str, str]]
    without_leaked: CleanScores | None
    confusion: list[list[int]]
    calibration: Calibration


class Difference(TypedDict):
    """One classifier's MCC minus another's on the same sequences, with its 95% interval.

    ``no_interval`` says why there is none.
    """

    mcc: Finite
    interval: Interval
    no_interval: NotRequired[str | None]


class Comparison(Difference):
    """The classifier ``model`` minus the classifier ``other``, which is of this ``kind``."""

    model: NotRequired[str]
    other: str
    kind: Kind


class TargetRow(_Row):
    """One predictor on the test split, of several labels a row or of numbers.

    ``metrics`` are means over the seeds of training, None where undefined; ``intervals`` 95%, over
    groups of test rows, and ``no_interval`` says why a metric has none; ``of_labels`` are the
    metrics of each label, of the first seed; ``without_leaked`` the metrics and their number of
    rows without those that leaked.
    """

    metrics: Values
    per_seed: NotRequired[list[Values]]
    intervals: Intervals
    no_interval: NotRequired[dict[str, str]]
    of_labels: dict[str, Values] | None
    without_leaked: NotRequired[dict[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class TaskResult(Result):
    """What was learned.

    Attributes:
        facts: how the splits were made, how many sequences they have, and what was trained.
    """

    classes: list[str] = field(default_factory=list)
    facts: Rest
    audit: Audit

    @property
    def details(self) -> dict[str, Any]:
        """What there is to know beside the scores."""
        task = {key: own for key, own in self.facts.items() if key == "task"}
        return task | {"classes": self.classes} | self.facts


@dataclass(frozen=True, kw_only=True)
class Classification(TaskResult):
    """All classifiers of one task.

    Attributes:
        headline: the name of the one that was decided on before the test: kept by ``train``, or
            fine-tuned; never the one that does best on it.
        comparisons: its differences to the others.
    """

    KIND: ClassVar[str] = "classification"
    headline: str | None = None
    rows: list[ScoreRow]
    comparisons: list[Comparison] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = len(self.classes)
        for index, row in enumerate(self.rows):
            place = f"rows[{index}]"
            if [len(counts) for counts in row["confusion"]] != [size] * size:
                raise ValueError(
                    f"{place}.confusion: expected {size} rows of {size} counts, as there are "
                    "classes"
                )
            for inside in ("", ".without_leaked"):
                own: Any = row["without_leaked"] if inside else row
                if own is not None and "mcc" not in own["intervals"]:
                    raise ValueError(f"{place}{inside}.intervals: no 'mcc'")

    @property
    def best(self) -> ScoreRow | None:
        """The headline's row; in files of older versions the first of a model."""
        models = [row for row in self.rows if row["kind"] == "model"] or self.rows
        named = [row for row in models if row["name"] == self.headline]
        return next(iter([*named, *models]), None)

    @property
    def nearest(self) -> Comparison | None:
        """The baseline that the headline gains least on."""
        found = (each for each in self.comparisons if each["kind"] == "baseline")
        return min(found, key=lambda each: each["mcc"], default=None)

    @property
    def leaked(self) -> int | None:
        """Test sequences that stand in training too; None where nobody looked."""
        return next(
            (r["n"] - r["without_leaked"]["n"] for r in self.rows if r["without_leaked"]), None
        )


@dataclass(frozen=True, kw_only=True)
class Targets(TaskResult):
    """All predictors of a task whose rows have several labels, or a number."""

    KIND: ClassVar[str] = "targets"
    rows: list[TargetRow]

    @property
    def problem(self) -> str:
        """``multi-label`` or ``regression``."""
        return f"{self.facts.get('problem')}"

    def __post_init__(self) -> None:
        names = TARGET_METRICS.get(self.problem)
        if names is None:
            raise ValueError(f"problem {self.problem!r} is not known")
        for index, row in enumerate(self.rows):
            for values in (row["metrics"], *(row["of_labels"] or {}).values()):
                if missing := [name for name in names if name not in values]:
                    raise ValueError(f"rows[{index}]: no {missing[0]!r}")


def spread(per_seed: Sequence[Metrics]) -> float | None:
    """The standard deviation of MCC over seeds of training; None for one."""
    values = [each["mcc"] for each in per_seed]
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return float((sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5)
