"""Classification on the page: what the audit found, scores with intervals, errors, calibration."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report.classification_charts import (
    calibration_chart,
    confusion_chart,
    score_chart,
)
from hnet_seq.report.html import Markup, element, figure, join, table
from hnet_seq.report.scores import Classification, Finding, Score, read_classification
from hnet_seq.report.wording import score

__all__ = ["best_score", "classification_section", "read_classification", "score_with_interval"]

_MOST_CLASSES = 12  # that are drawn; beyond, the cells of a confusion matrix are too small
_MOST_PAIRS = 20
_SEVERITY = {"high": "Serious", "medium": "To know", "low": "Minor"}


def classification_section(found: Classification) -> Markup:
    """Everything of ``classification.json``, with the verdict first."""
    models = [s for s in found.scores if not s.baseline]
    baselines = [s for s in found.scores if s.baseline]
    ordered = [*models, *baselines]
    best = best_score(models) or best_score(ordered)
    parts: list[Markup] = [element("h2", "Classification", id="classification")]
    if best is None:
        parts.append(element("p", "classification.json holds no classifier."))
    else:
        parts.append(element("p", _verdict(best, best_score(baselines))))
    parts.append(_audit(found.findings))
    if best is not None:
        parts.append(_scores(ordered, found.leaked))
        parts.append(_confusion(best, found.classes))
        parts.append(_calibration(best, best_score(baselines), len(found.classes)))
    parts.append(table(("Detail", "Value"), found.facts))
    return element("section", *parts, aria_labelledby="classification")


def best_score(scores: Sequence[Score]) -> Score | None:
    """The one with the highest MCC."""
    return max(scores, key=lambda s: s.mcc, default=None)


def score_with_interval(found: Score) -> str:
    """MCC, and its 95% interval in brackets."""
    ends = found.interval
    return score(found.mcc) + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


def _verdict(best: Score, baseline: Score | None) -> str:
    said = f"{best.name} reaches an MCC of {score_with_interval(best)} on {best.n:,} test sequences"
    if baseline is None or baseline is best:
        return f"{said}."
    other = f"the best baseline, {baseline.name}, at {score_with_interval(baseline)}"
    if best.interval and baseline.interval:
        if best.interval[0] > baseline.interval[1]:
            return f"{said}, above {other}."
        if best.interval[1] < baseline.interval[0]:
            return f"{said}, below {other}: the model adds nothing that counting does not see."
        return f"{said}; {other}: the intervals overlap, so the two are hard to tell apart."
    return f"{said}; {other}."


def _audit(findings: Sequence[Finding]) -> Markup:
    if not findings:
        return element(
            "p",
            "The audit of the splits found no leak, no shortcut to the label and no conflicting "
            "label.",
        )
    items = [
        element(
            "li",
            element("strong", f"{_SEVERITY[each.severity]}, {each.kind}: "),
            f"{each.text}. ",
            element("em", f"{each.remedy[:1].upper()}{each.remedy[1:]}."),
        )
        for each in findings
    ]
    return join([element("h3", "What the audit of the splits found"), element("ul", *items)])


def _scores(ordered: Sequence[Score], leaked: int | None) -> Markup:
    several = any(s.spread is not None for s in ordered)
    head = ["Features", "Kind", "MCC", "95% interval"]
    head += ["SD over seeds"] * several + ["MCC without leaked"] * bool(leaked)
    head += ["Accuracy", "F1", "AUROC", "AUPRC"]
    best = best_score([s for s in ordered if not s.baseline]) or best_score(ordered)
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
        "their name says, so a model says something new where it is above all of them. Intervals "
        f"are of a bootstrap over the test sequences.{leaks}",
        join(
            [
                table(
                    head,
                    rows,
                    numeric=range(2, len(head)),
                    emphasised=[i for i, s in enumerate(ordered) if s is best],
                ),
                element(
                    "p",
                    "F1, AUROC and AUPRC are means over classes; AUROC stands at 0.5 for guessing, "
                    "AUPRC at the share of a class. The model with the best MCC is in bold.",
                    class_="caption",
                ),
            ]
        ),
        title="Scores",
    )


def _row(found: Score, several: bool, leaked: bool) -> list[str]:
    ends = found.interval
    return [
        found.name,
        "baseline" if found.baseline else "model",
        score(found.mcc),
        f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else score(None),
        *[score(found.spread)] * several,
        *[score(found.clean.mcc if found.clean else None)] * leaked,
        *(score(value) for value in (found.accuracy, found.f1, found.auroc, found.auprc)),
    ]


def _confusion(best: Score, classes: Sequence[str]) -> Markup:
    numbers = _confused_pairs(best, classes)
    if len(classes) > _MOST_CLASSES:
        return join([element("h3", f"Confusions of {best.name}"), numbers])
    return figure(
        confusion_chart(
            best.confusion, classes, description=f"Confusion matrix of {best.name}, counts"
        ),
        f"{best.name}, first seed: rows are true classes, columns predicted ones; the stronger the "
        "colour of a cell, the larger its share of the row. What is off the diagonal is wrong.",
        numbers,
        title="Confusion matrix",
    )


def _confused_pairs(best: Score, classes: Sequence[str]) -> Markup:
    pairs = [
        (count, sum(row), classes[true], classes[predicted])
        for true, row in enumerate(best.confusion)
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


def _calibration(best: Score, baseline: Score | None, num_classes: int) -> Markup:
    shown = [best] if baseline is None or baseline is best else [best, baseline]
    curves = [(each.name, each.baseline, each.bins) for each in shown]
    errors = " and ".join(f"{each.ece:.3f} of {each.name}" for each in shown)
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
                (each.name, f"{b.confidence:.3f}", f"{b.accuracy:.3f}", f"{b.count:,}")
                for each in shown
                for b in each.bins
            ],
            numeric=(1, 2, 3),
        ),
        title="Calibration",
    )
