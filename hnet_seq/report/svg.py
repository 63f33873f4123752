"""SVG primitives: scales, ticks, axes, lines. Coordinates are CSS pixels of the viewBox."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hnet_seq.report.html import Markup, element, escape, number, scrollable

_CHARACTER = 7.3  # pixels: a character of the charts' 13 px bold text, with a little to spare


@dataclass(frozen=True)
class Scale:
    """Values ``[low, high]`` onto pixels ``[start, stop]``; ``stop < start`` points upwards."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values inside, about ``wanted`` of them."""
        return round_values(self.low, self.high, wanted)


def round_values(low: float, high: float, wanted: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within ``[low, high]``."""
    if high <= low:
        return [low] if high == low else []
    raw = (high - low) / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= 0.7 * raw)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """All with the decimals that the finest of them needs, thousands apart, millions as M."""
    if not values:
        return []
    largest = max(abs(v) for v in values)
    step = min((b - a for a, b in pairwise(values)), default=largest or 1)
    for limit, unit, suffix in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if largest >= limit:
            decimals = max(0, -math.floor(math.log10(step / unit) + 1e-9))
            return ["0" if v == 0 else f"{v / unit:.{decimals}f}{suffix}" for v in values]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{v:,.{decimals}f}" for v in values]


def text_width(text: str) -> float:
    """Pixels, roughly."""
    return _CHARACTER * len(text)


def text(x: float, y: float, content: str, **attributes: str | float | None) -> Markup:
    """Text whose baseline begins at (x, y) unless ``text_anchor`` says otherwise."""
    return element("text", content, x=float(x), y=float(y), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def polyline(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    """Straight lines through the points; a gap where one is not finite."""
    commands, pen = [], "M"
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        commands.append(f"{pen}{number(float(x))} {number(float(y))}")
        pen = "L"
    return path("".join(commands), class_)


def path(commands: str, class_: str) -> Markup:
    return element("path", d=commands, class_=class_, fill="none")


def circle(x: float, y: float, r: float, class_: str, title: str = "") -> Markup:
    tip = element("title", title) if title else ""
    return element("circle", tip, cx=float(x), cy=float(y), r=float(r), class_=class_)


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    class_: str | None,
    title: str = "",
    **attributes: str | float,
) -> Markup:
    tip = element("title", title) if title else ""
    return element(
        "rect",
        tip,
        x=float(x),
        y=float(y),
        width=float(max(width, 0)),
        height=float(max(height, 0)),
        class_=class_,
        **attributes,
    )


def polygon(points: Sequence[tuple[float, float]], class_: str, title: str = "") -> Markup:
    tip = element("title", title) if title else ""
    corners = " ".join(f"{number(float(x))},{number(float(y))}" for x, y in points)
    return element("polygon", tip, points=corners, class_=class_)


def diamond(x: float, y: float, title: str = "") -> Markup:
    corners = [(x - 6.5, y), (x, y - 6.5), (x + 6.5, y), (x, y + 6.5)]
    return polygon(corners, "context", title)


def grid(x: Scale, top: float, bottom: float) -> list[Markup]:
    """A line at each tick of a horizontal axis."""
    return [line(x(tick), top, x(tick), bottom, "grid") for tick in x.ticks(6)]


def labelled_ticks(scale: Scale, wanted: int) -> Iterable[tuple[float, str]]:
    """Pixel and text of each tick."""
    ticks = scale.ticks(wanted)
    return zip(map(scale, ticks), tick_labels(ticks), strict=True)


def y_axis(scale: Scale, left: float, right: float, name: str, wanted: int = 5) -> Markup:
    """Grid lines, values and the name of the vertical axis, over the top."""
    parts = [text(0, scale.stop - 14, name, class_="axis-name")]
    for y, label in labelled_ticks(scale, wanted):
        parts.append(line(left, y, right, y, "grid"))
        parts.append(text(left - 8, y + 4, label, text_anchor="end", class_="tick"))
    return Markup("".join(parts))


def x_axis(scale: Scale, y: float, name: str, wanted: int = 6) -> Markup:
    """Axis line at ``y``, values, and the name under it, centred."""
    parts = [line(scale.start, y, scale.stop, y, "axis")]
    for x, label in labelled_ticks(scale, wanted):
        parts.append(line(x, y, x, y + 5, "axis"))
        parts.append(text(x, y + 19, label, text_anchor="middle", class_="tick"))
    parts.append(
        text((scale.start + scale.stop) / 2, y + 40, name, text_anchor="middle", class_="axis-name")
    )
    return Markup("".join(parts))


def clipped(x: float, y: float, width: float, height: float, *parts: str) -> Markup:
    """Parts in the page's coordinates, of which nothing outside the rectangle is seen."""
    corner = " ".join(number(float(value)) for value in (x, y, width, height))
    return element(
        "svg",
        *parts,
        x=float(x),
        y=float(y),
        width=float(width),
        height=float(height),
        viewBox=corner,
        overflow="hidden",
    )


def drawing(
    width: float, height: float, *parts: str, description: str, class_: str = "chart"
) -> Markup:
    """The ``svg`` element: scales with the page, described for those who cannot see it."""
    body = "".join(escape(part) for part in parts)
    return scrollable(
        element(
            "svg",
            Markup(body),
            viewBox=f"0 0 {number(float(width))} {number(float(height))}",
            role="img",
            aria_label=description,
            class_=class_,
        ),
        description,
    )
