"""Dependency maps as pictures: one colour, as dense as the dependency is large."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hnet_seq.report import svg
from hnet_seq.report.document import standalone
from hnet_seq.report.html import Markup, element, number
from hnet_seq.results.explanation import Explanation, PairedArms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COLOUR = (31, 119, 190)  # seen on white and on black
_QUANTILE = 0.995  # of the values: what is above it is as dense
_LEFT, _TOP, _BOTTOM = 86.0, 40.0, 54.0
_SMALL = 250.0
_OUTLINE = "fill:none;stroke:var(--baseline);stroke-width:1.2"
_LETTERED = 110  # bases: beyond that letters are too small to be read


def full_at(values: NDArray[np.float64]) -> float:
    """The dependency that has full colour; 1 where there is none."""
    import numpy as np

    known = values[~np.isnan(values)]
    return float(np.quantile(known, _QUANTILE)) or 1.0 if len(known) else 1.0


def map_png(
    values: NDArray[np.float64], full: float | None = None, *, side: int | None = None
) -> bytes:
    """A map as a PNG that is transparent where nothing depends, a pixel a pair or more.

    Args:
        values: (L, L); NaN is transparent.
        full: the value of full colour, :func:`full_at` when None.
        side: pixels that it has at least; then on white.
    """
    import numpy as np

    full = full_at(values) if full is None else full
    share = np.clip(np.nan_to_num(values) / full, 0, 1)
    if side is None:
        alpha = np.round(share * 255).astype(np.uint8)
        pixels = np.empty((*values.shape, 4), np.uint8)
        pixels[..., :3], pixels[..., 3] = _COLOUR, alpha
    else:
        times = max(1, -(-side // len(values)))
        dense = share.repeat(times, 0).repeat(times, 1)[..., None]
        pixels = np.round(255 + dense * (np.array(_COLOUR) - 255)).astype(np.uint8)
    height, width, channels = pixels.shape
    lines = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter, none
    lines[:, 1:] = pixels.reshape(height, -1)
    kind = {3: 2, 4: 6}[channels]  # truecolour, and with alpha
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def map_chart(
    found: Explanation,
    values: NDArray[np.float64],
    full: float,
    *,
    description: str,
) -> Markup:
    """A map with its axes, and outlines of annotated pairs; ``full`` has full colour."""
    width, height, parts = _parts(found, values, full, 560.0)
    return svg.drawing(width, height, *parts, description=description)


def control_maps(
    found: Explanation, maps: Sequence[tuple[str, NDArray[np.float64]]], full: float
) -> Markup:
    """Maps side by side, in the colours of another, each under its name."""
    parts = []
    for index, (name, values) in enumerate(maps):
        left = index * (_SMALL + 24)
        x = svg.Scale(found.start - 0.5, found.end + 0.5, left, left + _SMALL)
        y = svg.Scale(found.start - 0.5, found.end + 0.5, _TOP, _TOP + _SMALL)
        parts += [
            svg.text(left, _TOP - 12, name, class_="row-name"),
            _image(values, full, left, _SMALL),
            *_frame(left, left + _SMALL, _TOP + _SMALL),
            *(path for arms in found.arms for path in _outlines(arms, x, y)),
        ]
    width = len(maps) * (_SMALL + 24)
    described = "Dependency maps of " + ", ".join(name for name, _ in maps)
    return svg.drawing(width, _TOP + _SMALL + 8, *parts, description=described)


def standalone_map(found: Explanation) -> str:
    """The map as an SVG document of its own, for light and dark surroundings."""
    values = found.dependencies.matrix()
    width, height, parts = _parts(found, values, full_at(values), 720.0)
    title = f"Dependency map of {found.name}:{found.start:,}-{found.end:,}"
    return standalone(width, height, parts, title=title)


def _parts(
    found: Explanation, values: NDArray[np.float64], full: float, side: float
) -> tuple[float, float, list[Markup]]:
    length = len(found.reference)
    cell = side / length
    right, bottom = _LEFT + side, _TOP + side
    x = svg.Scale(found.start - 0.5, found.end + 0.5, _LEFT, right)
    y = svg.Scale(found.start - 0.5, found.end + 0.5, _TOP, bottom)
    parts = [
        _image(values, full, _LEFT, side),
        *_frame(_LEFT, right, bottom),
        svg.text(0, 16, "base that is substituted", class_="axis-name"),
        svg.x_axis(x, bottom, "base that is read", wanted=4),
    ]
    for at, label in svg.labelled_ticks(y, 4):
        parts.append(svg.line(_LEFT - 5, at, _LEFT, at, "axis"))
        parts.append(svg.text(_LEFT - 8, at + 4, label, text_anchor="end", class_="tick"))
    if length <= _LETTERED:
        size = f"font-size:{number(min(cell * 1.3, 11.0))}px"
        for index, letter in enumerate(found.reference):
            middle = _LEFT + (index + 0.5) * cell
            parts.append(svg.text(middle, _TOP - 6, letter, text_anchor="middle", style=size))
    parts += [path for arms in found.arms for path in _outlines(arms, x, y)]
    return right + 24, bottom + _BOTTOM, parts


def _image(values: NDArray[np.float64], full: float, left: float, side: float) -> Markup:
    picture = base64.b64encode(map_png(values, full)).decode()
    return element(
        "image",
        href=f"data:image/png;base64,{picture}",
        x=left,
        y=_TOP,
        width=side,
        height=side,
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
    )


def _frame(left: float, right: float, bottom: float) -> list[Markup]:
    """Around the map, and its diagonal."""
    return [
        svg.line(left, _TOP, right, _TOP, "grid"),
        svg.line(right, _TOP, right, bottom, "grid"),
        svg.line(left, bottom, right, bottom, "grid"),
        svg.line(left, _TOP, left, bottom, "axis"),
        svg.line(left, _TOP, right, bottom, "grid"),
    ]


def _outlines(arms: PairedArms, x: svg.Scale, y: svg.Scale) -> list[Markup]:
    """Where the pairs of two arms lie, on both sides of the diagonal."""
    found = []
    for one, two in ((arms.first, arms.second), (arms.second, arms.first)):
        left, right = x(two[0] - 0.5), x(two[1] + 0.5)
        top, bottom = y(one[0] - 0.5), y(one[1] + 0.5)
        tip = f"{arms.name}: two stretches that pair"
        found.append(svg.rect(left, top, right - left, bottom - top, None, tip, style=_OUTLINE))
    return found
