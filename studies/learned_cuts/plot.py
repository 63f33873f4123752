"""Loss of training against letters and against CPU seconds: two panels for each data set."""

from __future__ import annotations

import math
from html import escape

from hnet_seq.report.svg import Scale, round_values, tick_labels

from .design import DataSet
from .findings import Row
from .plan import Plan

_COLOURS = (
    *("#0b5394", "#7a828c", "#b3261e", "#b85c00", "#8a4f9e", "#3d85c6", "#a0a8b0", "#c4c9cf"),
    *("#5f6770", "#8c959f", "#444b53", "#c27ba0", "#1d7a5f", "#e06666"),
)
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 440.0, 300.0, 56.0, 34.0, 44.0
Points = list[tuple[float, float]]


def plot(plan: Plan, found: dict[DataSet, list[Row]]) -> str:
    """An SVG file, of the first seed at equal time."""
    colours = dict(zip(plan.study.arms, _COLOURS * 2, strict=False))
    parts, top = [], 0.0
    for data, own in found.items():
        curves = {row.arm.name: _curve(row) for row in own if row.time}
        if not curves:
            continue
        ends = [points for points in curves.values() if points]
        values = [bits for points in ends for _, bits in points]
        if values:
            y_range = (min(values), max(values))
            for panel, unit in enumerate((f"{data.letter}s", "CPU seconds")):
                x = _LEFT + panel * (_WIDTH + _LEFT)
                shown = _in_unit(curves, own, panel)
                title = f"{data.title.replace('*', '')}: bits a {data.letter} against {unit}"
                parts.append(_panel(x, top + _TOP, title, shown, y_range, colours))
            top += _HEIGHT + _TOP + _GAP
    titles = [(arm.title, colours[name]) for name, arm in plan.study.arms.items()]
    parts += _legend(titles, top + 16)
    height = top + 16 + 20 * math.ceil(len(titles) / 3)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * (_WIDTH + _LEFT) + 16:.0f} '
        f'{height:.0f}" font-size="12" font-family="sans-serif">'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _curve(row: Row) -> Points:
    return [(letters, bits) for letters, bits in next(iter(row.time.values())).curve]


def _in_unit(curves: dict[str, Points], own: list[Row], panel: int) -> dict[str, Points]:
    """As they are, or with the CPU seconds that so many letters cost an arm here."""
    if panel == 0:
        return curves
    costs = {row.arm.name: row.cost for row in own}
    return {
        name: [(letters * cost.seconds / cost.batch, bits) for letters, bits in points]
        for name, points in curves.items()
        if (cost := costs[name]) is not None
    }


def _panel(
    left: float,
    top: float,
    title: str,
    curves: dict[str, Points],
    y_range: tuple[float, float],
    colours: dict[str, str],
) -> str:
    places = [x for points in curves.values() for x, _ in points]
    x = Scale(0, max(places, default=1.0), left, left + _WIDTH - 20)
    margin = 0.03 * (y_range[1] - y_range[0]) or 0.1
    y = Scale(y_range[0] - margin, y_range[1] + margin, top + _HEIGHT, top)
    parts = [f'<text x="{left}" y="{top - 12:.0f}" font-weight="bold">{escape(title)}</text>']
    for ticks, across in ((x.ticks(), True), (round_values(y.low, y.high), False)):
        for value, label in zip(ticks, tick_labels(ticks), strict=True):
            if across:
                at, ends = x(value), (y.start, y.start + 5)
                parts.append(_line(at, ends[0], at, ends[1], "#888"))
                anchor, place = "middle", (at, y.start + 18)
            else:
                parts.append(_line(x.start, y(value), x.stop, y(value), "#ddd"))
                anchor, place = "end", (x.start - 6, y(value) + 4)
            parts.append(
                f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}">{label}</text>'
            )
    for name, points in curves.items():
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        width = 2.4 if name.startswith("learned") else 1.3
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colours[name]}" '
            f'stroke-width="{width}"><title>{escape(name)}</title></polyline>'
        )
    return "\n".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}"/>'


def _legend(titles: list[tuple[str, str]], top: float) -> list[str]:
    parts = []
    for k, (title, colour) in enumerate(titles):
        x, y = _LEFT + (k % 3) * 300, top + 20 * (k // 3)
        parts.append(f'<rect x="{x}" y="{y - 5:.0f}" width="18" height="3" fill="{colour}"/>')
        parts.append(f'<text x="{x + 24}" y="{y:.0f}">{escape(title)}</text>')
    return parts
