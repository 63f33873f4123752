"""Chunk-length histograms and boundary-rate charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hnet_seq.report import svg
from hnet_seq.report.html import Markup, element
from hnet_seq.report.units import Unit

_WIDTH = 600.0
_LEFT, _TOP, _BOTTOM = 52.0, 30.0, 52.0


@dataclass(frozen=True)
class Rate:
    """A row of a chart: a rate with its 95% interval and its controls; None where it is unknown."""

    label: str
    rate: float | None
    low: float | None
    high: float | None
    control: float | None
    context_control: float | None
    tokens: int


def shares(counts: Mapping[int, int]) -> dict[int, float]:
    """Each count as a share of all."""
    total = sum(counts.values()) or 1
    return {length: count / total for length, count in counts.items()}


def geometric_shares(mean: float, longest: int) -> dict[int, float]:
    """Chunk lengths when boundaries fall at random with the same rate: r (1 - r)^(k-1), r = 1/mean.

    The last length holds all that is that long or longer.
    """
    rate = min(1.0, 1 / mean)
    law = {k: rate * (1 - rate) ** (k - 1) for k in range(1, longest)}
    return law | {longest: (1 - rate) ** (longest - 1)}


def histogram_chart(
    observed: Mapping[int, float], control: Mapping[int, float], unit: Unit, *, description: str
) -> Markup:
    """Bars, with the control as a stepped line over them; x is length in ``unit``."""
    longest = max(control)
    height, bottom = 300.0, 300.0 - _BOTTOM
    top_share = max([*observed.values(), *control.values()])
    x = svg.Scale(0.5, longest + 0.5, _LEFT, _WIDTH - 12)
    y = svg.Scale(0, 100 * top_share * 1.06, bottom, _TOP)
    step = x(2) - x(1)
    bars = [
        svg.rect(
            x(length) - 0.42 * step,
            y(100 * share),
            0.84 * step,
            bottom - y(100 * share),
            "bar",
            f"{length} {unit.many}: {100 * share:.2f}% of chunks",
        )
        for length, share in observed.items()
        if length <= longest
    ]
    steps = [
        (x(k) + side * step / 2, y(100 * control[k])) for k in sorted(control) for side in (-1, 1)
    ]
    return svg.drawing(
        _WIDTH,
        height,
        svg.y_axis(y, _LEFT, _WIDTH - 12, "share of chunks (%)"),
        *bars,
        svg.polyline(steps, "control"),
        svg.x_axis(x, bottom, f"chunk length ({unit.many})", wanted=10),
        _legend([("bar", "the model"), ("control", "boundaries at random")], _WIDTH - 190, 44),
        description=description,
    )


def rate_chart(
    rows: Sequence[Rate],
    unit: Unit,
    *,
    measure: str,
    description: str,
    model: str = "the model, 95% interval",
    context: str = "expected from the last three bases",
) -> Markup:
    """One line a label: a dot with its 95% interval, and ticks where the controls stand.

    Args:
        measure: what the rates are, such as boundaries per base.
        model, context: what the legend says of the dot and of the diamond.
    """
    left = max(svg.text_width(row.label) for row in rows) + 20
    right, pitch = _WIDTH - 14, 28.0
    bottom = _TOP + pitch * len(rows) + 8
    values = _values(rows)
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.08 * (high - low) or 0.01
    x = svg.Scale(0 if begins_at_zero(rows) else low - margin, high + margin, left, right)
    parts = svg.grid(x, _TOP, bottom)
    for index, row in enumerate(rows):
        parts += _rate_row(row, unit, measure, x, _TOP + pitch * (index + 0.5) + 4)
    legend = [("model", model), ("control", "at random")]
    if any(row.context_control is not None for row in rows):
        legend.append(("context", context))
    return svg.drawing(
        _WIDTH,
        bottom + 46,
        *parts,
        svg.x_axis(x, bottom, measure),
        _legend(legend, left, 10, across=True),
        description=description,
    )


def begins_at_zero(rows: Sequence[Rate]) -> bool:
    """Rates close together would be one heap on an axis from 0."""
    values = _values(rows)
    return min(values, default=0.0) < 0.6 * max(values, default=1.0)


def _values(rows: Sequence[Rate]) -> list[float]:
    return [
        value
        for row in rows
        for value in (row.rate, row.low, row.high, row.control, row.context_control)
        if value is not None
    ]


def _rate_row(row: Rate, unit: Unit, measure: str, x: svg.Scale, y: float) -> list[Markup]:
    parts = [svg.text(x.start - 10, y + 4, row.label, text_anchor="end", class_="row-name")]
    if row.control is not None:
        parts.append(svg.line(x(row.control), y - 11, x(row.control), y + 11, "control"))
    if row.rate is None:
        return [*parts, svg.text(x.start + 8, y + 4, f"no such {unit.many}", class_="tick")]
    if row.low is not None and row.high is not None:
        parts.append(svg.line(x(row.low), y, x(row.high), y, "interval"))
    tip = f"{row.label}: {row.rate:.4f} {measure}, {row.tokens:,} {unit.many}"
    parts.append(svg.circle(x(row.rate), y, 5, "model dot", tip))
    if row.context_control is not None:
        parts.append(svg.diamond(x(row.context_control), y))
    return parts


def _legend(
    entries: Sequence[tuple[str, str]], x: float, y: float, *, across: bool = False
) -> Markup:
    parts = []
    if across:
        total = sum(_entry_width(name) for _, name in entries)
        x = max(4.0, min(x, _WIDTH - total))
    for class_, name in entries:
        if class_ == "bar":
            parts.append(svg.rect(x, y - 6, 14, 12, "bar"))
        elif class_ == "context":
            parts.append(svg.diamond(x + 7, y))
        elif class_ == "model":
            parts.append(svg.line(x - 2, y, x + 16, y, "interval"))
            parts.append(svg.circle(x + 7, y, 5, "model dot"))
        elif across:
            parts.append(svg.line(x + 7, y - 8, x + 7, y + 8, "control"))
        else:
            parts.append(svg.line(x, y, x + 14, y, "control"))
        parts.append(svg.text(x + 22, y + 4, name, class_="tick"))
        if across:
            x += _entry_width(name)
        else:
            y += 20
    return element("g", *parts)


def _entry_width(name: str) -> float:
    return 32 + svg.text_width(name)
