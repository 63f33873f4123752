"""Drawings of a classification: MCC with its interval, a confusion matrix, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from hnet_seq.report import svg
from hnet_seq.report.html import Markup, element
from hnet_seq.results.classification import Bin, Intervals, ScoreRow

_WIDTH = 600.0
_TOP = 30.0
_LONGEST_NAME = 36  # characters; longer names are cut, and whole in the table below


class Charted(TypedDict):
    """What is drawn of a row."""

    name: str
    kind: str
    n: int
    mcc: float
    intervals: Intervals
    without_leaked: Any


def score_chart(
    scores: Sequence[ScoreRow | Charted], *, description: str, measure: str = "MCC"
) -> Markup:
    """A row for each classifier: MCC with its 95% interval, and where it stands without leaks.

    Models have a filled dot and baselines an empty diamond, so that colour is not needed.

    Args:
        measure: what stands in the place of MCC.
    """
    left = max(svg.text_width(_short(score["name"])) for score in scores) + 20
    pitch = 30.0
    bottom = _TOP + pitch * len(scores) + 8
    ends = [
        value
        for s in scores
        for value in (s["mcc"], *(s["intervals"]["mcc"] or ()), *_without_leaks(s))
    ]
    low = min(0.0, *ends)
    x = svg.Scale(low, max(1.0, *ends), left, _WIDTH - 14)
    parts = svg.grid(x, _TOP, bottom)
    for index, score in enumerate(scores):
        parts += _score_row(score, x, _TOP + pitch * (index + 0.5) + 4, measure)
    leaked = any(_without_leaks(score) for score in scores)
    return svg.drawing(
        _WIDTH,
        bottom + 46,
        *parts,
        svg.x_axis(x, bottom, f"{measure} on the test split"),
        _legend(leaked),
        description=description,
    )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}\u2026"


def _without_leaks(score: ScoreRow | Charted) -> tuple[float, ...]:
    """Its MCC without leaked sequences, where there are any."""
    clean = score["without_leaked"]
    return (clean["mcc"],) if clean and clean["n"] < score["n"] else ()


def _score_row(score: ScoreRow | Charted, x: svg.Scale, y: float, measure: str) -> list[Markup]:
    parts = [
        svg.text(x.start - 10, y + 4, _short(score["name"]), text_anchor="end", class_="row-name")
    ]
    parts += [svg.line(x(mcc), y - 10, x(mcc), y + 10, "control") for mcc in _without_leaks(score)]
    baseline = score["kind"] == "baseline"
    if (ends := score["intervals"]["mcc"]) is not None:
        low, high = ends
        whisker = "context" if baseline else "interval"
        parts.append(svg.line(x(low), y, x(high), y, whisker))
    tip = f"{score['name']}: {measure} {score['mcc']:.3f}"
    if baseline:
        return [*parts, svg.diamond(x(score["mcc"]), y, tip)]
    return [*parts, svg.circle(x(score["mcc"]), y, 5, "model dot", tip)]


def _legend(leaked: bool) -> Markup:
    x, y = 4.0, 10.0
    entries = [
        ("model", [svg.line(x - 2, y, x + 16, y, "interval"), svg.circle(x + 7, y, 5, "model dot")])
    ]
    x += 40 + svg.text_width("model")
    entries.append(("baseline", [svg.line(x - 2, y, x + 16, y, "context"), svg.diamond(x + 7, y)]))
    if leaked:
        x += 40 + svg.text_width("baseline")
        entries.append(
            ("without leaked sequences", [svg.line(x + 7, y - 8, x + 7, y + 8, "control")])
        )
    x, parts = 4.0, []
    for name, drawn in entries:
        parts += [*drawn, svg.text(x + 22, y + 4, name, class_="tick")]
        x += 40 + svg.text_width(name)
    return element("g", *parts)


def confusion_chart(
    confusion: Sequence[Sequence[int]], classes: Sequence[str], *, description: str
) -> Markup:
    """A cell for each pair: how many sequences of a row's class were called the column's.

    The stronger the colour, the larger the share of the row.
    """
    names = [name if len(name) <= 14 else f"{name[:13]}\u2026" for name in classes]
    left = max(svg.text_width(name) for name in names) + 16
    cell = min(110.0, max(52.0, (_WIDTH - left) / len(classes)))
    high, top = 42.0, 48.0
    parts = [svg.text(left, 14, "predicted class", class_="axis-name")]
    for column, name in enumerate(names):
        middle = left + (column + 0.5) * cell
        parts.append(svg.text(middle, top - 8, name, text_anchor="middle", class_="tick"))
    for row, counts in enumerate(confusion):
        y = top + row * high
        parts.append(
            svg.text(left - 10, y + high / 2 + 4, names[row], text_anchor="end", class_="tick")
        )
        total = sum(counts) or 1
        for column, count in enumerate(counts):
            x = left + column * cell
            tip, share = f"{classes[row]} called {classes[column]}: {count:,}", count / total
            box = x + 1, y + 1, cell - 2, high - 2
            parts.append(svg.rect(*box, "bar", tip, fill_opacity=share))
            parts.append(
                svg.text(x + cell / 2, y + high / 2 + 4, f"{count:,}", text_anchor="middle")
            )
    width = max(_WIDTH, left + cell * len(classes) + 4)
    return svg.drawing(width, top + high * len(classes) + 8, *parts, description=description)


def calibration_chart(
    curves: Sequence[tuple[str, bool, Sequence[Bin]]], num_classes: int, *, description: str
) -> Markup:
    """Share of right predictions by confidence; on the dashed line the two are the same.

    Args:
        curves: name, whether it is a baseline, and its bins in ascending order of confidence.
    """
    size, left = 330.0, 52.0
    bottom = _TOP + size
    least = min([1 / num_classes, *(b["accuracy"] for _, _, bins in curves for b in bins)])
    x = svg.Scale(1 / num_classes - 0.02, 1.0, left, left + size + 60)
    y = svg.Scale(max(0.0, least - 0.02), 1.0, bottom, _TOP)
    start = max(x.low, y.low)
    parts = [svg.polyline([(x(start), y(start)), (x(1), y(1))], "control target")]
    for name, baseline, bins in curves:
        kind = "baseline" if baseline else "model"
        points = [(x(each["confidence"]), y(each["accuracy"])) for each in bins]
        parts.append(svg.polyline(points, kind))
        for each, (a, b) in zip(bins, points, strict=True):
            tip = f"{name}: confidence {each['confidence']:.2f}, right {each['accuracy']:.2f}, "
            tip += f"{each['count']:,} sequences"
            parts.append(
                svg.diamond(a, b, tip) if baseline else svg.circle(a, b, 4, f"{kind} dot", tip)
            )
    return svg.drawing(
        _WIDTH,
        bottom + 46,
        svg.y_axis(y, left, x.stop, "share of right predictions"),
        *parts,
        svg.x_axis(x, bottom, "confidence: the probability of the predicted class"),
        _calibration_legend([(name, baseline) for name, baseline, _ in curves]),
        description=description,
    )


def _calibration_legend(curves: Sequence[tuple[str, bool]]) -> Markup:
    x, y, parts = 470.0, _TOP + 8, []
    for baseline in sorted({baseline for _, baseline in curves}):
        parts.append(svg.diamond(x + 7, y) if baseline else svg.circle(x + 7, y, 4, "model dot"))
        parts.append(
            svg.text(x + 22, y + 4, "best baseline" if baseline else "best model", class_="tick")
        )
        y += 20
    parts.append(svg.line(x, y, x + 14, y, "control target"))
    parts.append(svg.text(x + 22, y + 4, "as it should be", class_="tick"))
    return element("g", *parts)
