"""Classification on the page: what the audit found, scores with intervals, errors, calibration."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report.audit_section import finding_list
from hnet_seq.report.classification_charts import (
    calibration_chart,
    confusion_chart,
    score_chart,
)
from hnet_seq.report.html import Markup, Section, caption, element, figure, join, table
from hnet_seq.report.twin import TWIN_ROW
from hnet_seq.report.wording import difference, limits, plain, score, signed_interval
from hnet_seq.results.audit import Finding
from hnet_seq.results.classification import Classification, Comparison, ScoreRow, spread

_MOST_CLASSES = 12  # that are drawn; beyond, the cells of a confusion matrix are too small
_MOST_PAIRS = 20
_NAMES = {
    "n_train": "training sequences",
    "n_validation": "validation sequences",
    "n_test": "test sequences",
    "window": "window (bases)",
    "guard": "gap between training and test (bases)",
    "seeds": "seeds of training",
    "n_of_classes": "sequences of each class",
    "stage": "stage (\u22121: the innermost)",
    "probe_pooling": "pooling of the kept probe",
    "twin": "untrained twin from",
}


def classification_section(found: Classification) -> Section:
    """Everything of ``classification.json``, with the verdict first."""
    models = [row for row in found.rows if row["kind"] == "model"]
    baselines = [row for row in found.rows if row["kind"] == "baseline"]
    ordered = [*models, *baselines]
    shown = found.best
    parts: list[Markup] = []
    if shown is None:
        parts.append(element("p", "classification.json holds no classifier."))
    else:
        parts.append(element("p", _verdict(shown, found.comparisons)))
    parts.append(_audit(found.audit["findings"]))
    if shown is not None:
        parts.append(_scores(ordered, found))
        parts.append(_confusion(shown, found.classes))
        nearest = next(
            (s for s in baselines if found.nearest and s["name"] == found.nearest["other"]), None
        )
        parts.append(_calibration(shown, nearest, len(found.classes)))
    facts = [
        (_NAMES.get(key, key.replace("_", " ")), plain(value))
        for key, value in found.details.items()
        if value is not None
    ]
    parts.append(table(("Detail", "Value"), facts))
    return Section("classification", "Classification", *parts)


def _why_not(found: ScoreRow) -> str | None:
    return found.get("no_interval", {}).get("mcc")


def score_with_interval(found: ScoreRow) -> str:
    """MCC, and its 95% interval in brackets."""
    ends, why_not = found["intervals"]["mcc"], _why_not(found)
    if ends is None:
        return score(found["mcc"]) + (f" (no interval: {why_not})" if why_not else "")
    return f"{score(found['mcc'])} ({limits(ends)})"


def minus_words(found: Comparison) -> str:
    """The other's name, the difference to it, and its 95% interval in brackets."""
    sure = signed_interval(found["interval"], found.get("no_interval"))
    return f"{found['other']} {difference(found['mcc'])} ({sure})"


def _verdict(shown: ScoreRow, minus: Sequence[Comparison]) -> str:
    """The score, and whether it is told apart from each baseline on the same sequences."""
    said = (
        f"{shown['name']} reaches an MCC of {score_with_interval(shown)} on {shown['n']:,} test "
        "sequences"
    )
    told = sorted((m for m in minus if m["kind"] == "baseline"), key=lambda m: m["mcc"])
    if not told:
        return f"{said}."
    below = [m for m in told if (ends := m["interval"]) and ends[1] < 0]
    if below:
        return (
            f"{said}. Minus {'; minus '.join(map(minus_words, below))}: the model adds nothing "
            "that this does not see."
        )
    level = [m for m in told if (ends := m["interval"]) is None or ends[0] <= 0]
    if level:
        return (
            f"{said}. Minus {'; minus '.join(map(minus_words, level))}: these data do not tell it "
            "from that."
        )
    return f"{said}, above every baseline; the least above {minus_words(told[0])}."


def _audit(findings: Sequence[Finding]) -> Markup:
    if not findings:
        return element(
            "p",
            "The audit of the splits found no leak, no shortcut to the label and no conflicting "
            "label.",
        )
    title = element("h3", "What the audit of the splits found")
    return join([title, finding_list(findings)])


def _scores(ordered: Sequence[ScoreRow], found: Classification) -> Markup:
    leaked, several = found.leaked, any(len(s["per_seed"]) > 1 for s in ordered)
    head = ["Features", "Kind", "MCC", "95% interval"]
    head += ["SD over seeds"] * several + ["MCC without leaked"] * bool(leaked)
    head += ["Accuracy", "F1", "AUROC", "AUPRC"]
    rows = [_row(s, several, bool(leaked)) for s in ordered]
    leaks = (
        f" Grey ticks are MCC without the {leaked:,} test sequences that stand in training too, "
        "exactly, as reverse complement or nearly."
        if leaked
        else ""
    )
    return figure(
        score_chart(ordered, description="MCC of each classifier with its 95% interval"),
        "Test sequences only; higher is better, and guessing stands at 0. Baselines see only what "
        f"their name says.{_about_twin(ordered)} Intervals are over the test sequences; they do "
        f"not compare two rows, which the differences below do.{leaks}",
        join(
            [
                table(
                    head,
                    rows,
                    numeric=range(2, len(head)),
                    emphasised=[i for i, s in enumerate(ordered) if s is found.best],
                ),
                caption(
                    "F1, AUROC and AUPRC are means over classes; AUROC stands at 0.5 for guessing, "
                    "AUPRC at the share of a class. In bold is the classifier that was decided on "
                    "before the test."
                ),
                _differences(found),
            ]
        ),
        title="Scores",
    )


def _about_twin(ordered: Sequence[ScoreRow]) -> str:
    if not any(s["name"].startswith(TWIN_ROW) for s in ordered):
        return ""
    return (
        " The untrained twin is the same network with the weights that training began with: the "
        "model minus it is what pretraining is worth."
    )


def _differences(found: Classification) -> Markup:
    if not found.comparisons or found.best is None:
        return join([])
    return table(
        (f"{found.best['name']} minus", "Kind", "MCC", "95% interval"),
        [
            (
                m["other"],
                m["kind"],
                difference(m["mcc"]),
                signed_interval(m["interval"], m.get("no_interval")),
            )
            for m in found.comparisons
        ],
        numeric=(2, 3),
        caption="Differences on the same test sequences",
    )


def _row(found: ScoreRow, several: bool, leaked: bool) -> list[str]:
    clean = found["without_leaked"]
    return [
        found["name"],
        found["kind"],
        score(found["mcc"]),
        limits(found["intervals"]["mcc"], _why_not(found)),
        *[score(spread(found["per_seed"]))] * several,
        *[score(clean["mcc"] if clean else None)] * leaked,
        *map(score, (found["accuracy"], found["f1"], found["auroc"], found["auprc"])),
    ]


def _confusion(shown: ScoreRow, classes: Sequence[str]) -> Markup:
    numbers = _confused_pairs(shown, classes)
    if len(classes) > _MOST_CLASSES:
        return join([element("h3", f"Confusions of {shown['name']}"), numbers])
    return figure(
        confusion_chart(
            shown["confusion"], classes, description=f"Confusion matrix of {shown['name']}, counts"
        ),
        f"{shown['name']}, first seed: rows are true classes, columns predicted ones; the stronger "
        "the colour of a cell, the larger its share of the row. What is off the diagonal is wrong.",
        numbers,
        title="Confusion matrix",
    )


def _confused_pairs(shown: ScoreRow, classes: Sequence[str]) -> Markup:
    pairs = [
        (count, sum(row), classes[true], classes[predicted])
        for true, row in enumerate(shown["confusion"])
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    pairs.sort(key=lambda pair: -pair[0])
    return table(
        ("True class", "Called", "Sequences", "Share of the class"),
        [
            (true, predicted, f"{count:,}", f"{count / total:.1%}")
            for count, total, true, predicted in pairs[:_MOST_PAIRS]
        ],
        numeric=(2, 3),
        caption="Most frequent confusions",
    )


def _calibration(shown: ScoreRow, baseline: ScoreRow | None, num_classes: int) -> Markup:
    both = [shown] if baseline is None or baseline is shown else [shown, baseline]
    curves = [
        (each["name"], each["kind"] == "baseline", each["calibration"]["bins"]) for each in both
    ]
    errors = " and ".join(f"{each['calibration']['ece']:.3f} of {each['name']}" for each in both)
    return figure(
        calibration_chart(
            curves,
            num_classes,
            description="Share of right predictions by confidence, beside the diagonal",
        ),
        "Each point is a tenth of the test sequences, in order of confidence; below the dashed "
        "line predictions are surer than they are right. Expected calibration error, the mean "
        f"distance from the line: {errors} (first seed).",
        table(
            ("Classifier", "Confidence", "Right", "Sequences"),
            [
                (
                    each["name"],
                    f"{b['confidence']:.3f}",
                    f"{b['accuracy']:.3f}",
                    f"{b['count']:,}",
                )
                for each in both
                for b in each["calibration"]["bins"]
            ],
            numeric=(1, 2, 3),
        ),
        title="Calibration",
    )
