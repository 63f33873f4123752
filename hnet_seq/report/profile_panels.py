"""Small multiples: rates by distance, each with the band of its control.

A rate of few sites jumps between a handful of values, and so do controls that look at the same
bases. Such a panel has pale dots in place of the line, the shifted sites as its control, and a
scale of its own, so that the others keep theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hnet_seq.report import svg
from hnet_seq.report.html import Markup, element, number
from hnet_seq.results.analyses import Profile, SiteKind

_WIDTH, _PANEL_HEIGHT, _COLUMNS = 640.0, 190.0, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 46.0, 34.0

FEW = 30  # sites: below, one boundary more or less moves a rate by more than 0.03

Values = Sequence[float | None]


def profile_panels(kinds: Sequence[SiteKind], *, description: str) -> Markup:
    """Panels side by side, all of enough sites on one scale of rates, so that they compare."""
    common = _top([kind.profile for kind in kinds if kind.sites >= FEW])
    rows = max(1, -(-len(kinds) // _COLUMNS))
    parts = [
        _panel(kind, index, _top([kind.profile]) if kind.sites < FEW else common)
        for index, kind in enumerate(kinds)
    ]
    return svg.drawing(_WIDTH, rows * _PANEL_HEIGHT, *parts, description=description)


def _top(panels: Sequence[Profile]) -> float:
    """The highest value, and a little air."""
    lines = [
        values
        for panel in panels
        for values in (panel.rate, panel.shifted_high, panel.context, panel.shuffled or ())
    ]
    top = max((value for values in lines for value in values if value is not None), default=1.0)
    return (top or 1.0) * 1.05


def _panel(kind: SiteKind, index: int, top: float) -> Markup:
    panel, few = kind.profile, kind.sites < FEW
    width = _WIDTH / _COLUMNS
    left = (index % _COLUMNS) * width
    above = (index // _COLUMNS) * _PANEL_HEIGHT
    low, high = min(panel.distance), max(panel.distance)
    x = svg.Scale(low, high if high > low else low + 1, left + _LEFT, left + width - _RIGHT)
    y = svg.Scale(0, top, above + _PANEL_HEIGHT - _BOTTOM, above + _TOP)
    sites = "1 site" if kind.sites == 1 else f"{kind.sites:,} sites"
    title = f"{kind.kind}: {sites}{', too few for a line' if few else ''}"
    parts = [svg.text(left + _LEFT, above + 24, title, class_="row-name")]
    for at, label in svg.labelled_ticks(y, 3):
        parts.append(svg.line(x.start, at, x.stop, at, "grid"))
        parts.append(svg.text(x.start - 6, at + 4, label, text_anchor="end", class_="tick"))
    parts += [
        _band(panel, x, y),
        svg.line(x(0), y.start, x(0), y.stop, "grid"),
    ]
    if not few:
        parts.append(svg.polyline(_points(panel, panel.context, x, y), "markov best"))
    if panel.shuffled is not None and not few:
        parts.append(svg.polyline(_points(panel, panel.shuffled, x, y), "markov"))
    points = _points(panel, panel.rate, x, y)
    if few:
        dots = [svg.circle(*at, 1.6, "dot few") for at in points if math.isfinite(at[1])]
        parts.append(element("g", *dots))
    else:
        parts.append(svg.polyline(points, "model"))
    parts.append(svg.line(x.start, y.start, x.stop, y.start, "axis"))
    for at, label in svg.labelled_ticks(x, 4):
        parts.append(svg.text(at, y.start + 18, label, text_anchor="middle", class_="tick"))
    middle = (x.start + x.stop) / 2
    words = "bases from the site"
    parts += [
        svg.text(x.start, above + 40, "boundaries per base", class_="tick"),
        svg.text(middle, y.start + 31, words, text_anchor="middle", class_="tick"),
    ]
    return element("g", *parts)


def _points(
    panel: Profile, values: Values, x: svg.Scale, y: svg.Scale
) -> list[tuple[float, float]]:
    return [
        (x(distance), math.nan if value is None else y(value))
        for distance, value in zip(panel.distance, values, strict=True)
    ]


def _band(panel: Profile, x: svg.Scale, y: svg.Scale) -> Markup:
    bounds = [
        (x(distance), y(low), y(high))
        for distance, low, high in zip(
            panel.distance, panel.shifted_low, panel.shifted_high, strict=True
        )
        if low is not None and high is not None
    ]
    corners = [(at, low) for at, low, _ in bounds] + [(at, high) for at, _, high in bounds[::-1]]
    points = " ".join(f"{number(float(a))},{number(float(b))}" for a, b in corners)
    # The page's sheet knows no band; its colours follow the sheet all the same.
    return element("polygon", points=points, class_="band", style="fill: var(--rule); stroke: none")
