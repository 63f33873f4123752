"""Line charts over training tokens, with horizontal reference lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hnet_seq.report import svg
from hnet_seq.report.html import Markup

Point = tuple[float, float]

_WIDTH, _HEIGHT = 600.0, 380.0
_LEFT, _TOP, _BOTTOM = 52.0, 30.0, 52.0
_LINE = 15.0  # pixels between labels


@dataclass(frozen=True)
class Series:
    """A curve; ``class_`` sets its colour in the style sheet."""

    name: str
    points: Sequence[Point]
    class_: str
    dots: bool = False


@dataclass(frozen=True)
class Reference:
    """A horizontal line; labels of a lower ``priority`` give way."""

    name: str
    value: float
    class_: str
    priority: int = 1


def curve_chart(
    series: Sequence[Series],
    references: Sequence[Reference],
    *,
    x_name: str,
    y_name: str,
    y_range: tuple[float, float],
    description: str,
    height: float = _HEIGHT,
) -> Markup:
    """Curves named at their last point, references at the right end of theirs."""
    names = [s.name for s in series] + [r.name for r in references]
    right = _WIDTH - max((svg.text_width(name) for name in names), default=0) - 14
    bottom = height - _BOTTOM
    most = max((x for s in series for x, _ in s.points), default=1.0)
    x = svg.Scale(0, most or 1.0, _LEFT, right)
    y = svg.Scale(*y_range, bottom, _TOP)
    inside: list[Markup] = []
    labels: list[tuple[int, float, str, str]] = []
    for reference in references:
        if y.low <= reference.value <= y.high:
            at = y(reference.value)
            inside.append(svg.line(_LEFT, at, right, at, reference.class_))
            labels.append((reference.priority, at, reference.name, reference.class_))
    for curve in series:
        points = [(x(a), y(b)) if math.isfinite(b) else (x(a), math.nan) for a, b in curve.points]
        inside.append(svg.polyline(points, curve.class_))
        finite = [point for point in points if math.isfinite(point[1])]
        if curve.dots:
            inside += [svg.circle(a, b, 3.2, f"{curve.class_} dot") for a, b in finite]
        if finite and _TOP <= finite[-1][1] <= bottom:
            labels.append((9, finite[-1][1], curve.name, curve.class_))
    return svg.drawing(
        _WIDTH,
        height,
        svg.y_axis(y, _LEFT, right, y_name),
        svg.clipped(_LEFT - 4, _TOP - 4, right - _LEFT + 8, bottom - _TOP + 8, *inside),
        svg.x_axis(x, bottom, x_name),
        *_place(labels, right + 8, bottom),
        description=description,
    )


def _place(labels: list[tuple[int, float, str, str]], x: float, bottom: float) -> list[Markup]:
    """Text at its height or nearby; what is least important is left out where it gets crowded."""
    taken: list[float] = []
    placed = []
    for priority, y, name, class_ in sorted(labels, key=lambda label: -label[0]):
        shifts = [0.0] if priority < 2 else [k * _LINE / 3 * s for k in range(16) for s in (1, -1)]
        at = next(
            (
                y + shift
                for shift in shifts
                if _TOP - 8 <= y + shift <= bottom + 4
                and all(abs(y + shift - other) >= _LINE for other in taken)
            ),
            None,
        )
        if at is not None:
            taken.append(at)
            placed.append(svg.text(x, at + 4, name, class_=f"label {class_}"))
    return placed


def range_around(
    values: Sequence[float], *, always: Sequence[float] = (), top: float | None = None
) -> tuple[float, float]:
    """An axis range with a margin that holds the finite ``values``, cut at ``top``."""
    finite = [v for v in [*values, *always] if math.isfinite(v) and (top is None or v <= top)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 0.1
    return low - margin, high + margin
