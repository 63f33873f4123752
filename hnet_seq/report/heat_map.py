"""A matrix of effects of single-base changes: a column a position, a row a letter, read as text."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report import svg
from hnet_seq.report.document import standalone
from hnet_seq.report.html import Markup

LETTERS = "ACGT"
ROW_BASES = 60
MOST = 600  # positions that are drawn: beyond that a page is slow to open

_CELL, _HIGH = 16.0, 17.0
_LEFT, _TOP = 34.0, 52.0
_WIDTH = _LEFT + ROW_BASES * _CELL + 14
_ROW = 4 * _HIGH + 46
_STEPS = 20  # of opacity: fewer distinct styles make a smaller page

Matrix = Sequence[Sequence[float | None]]


def heat_map(reference: str, matrix: Matrix, start: int, *, description: str) -> Markup:
    """Effects (L, 4) as a drawing of the page.

    Orange is a change that makes the sequence less likely, blue one that makes it more likely; the
    opacity is the size, full at the largest. None is drawn as nothing.

    Args:
        reference: (L,) letters.
        start: 1-based position of the first.
    """
    width, height, parts = _parts(reference, matrix, start)
    return svg.drawing(width, height, *parts, description=description, class_="chart track")


def standalone_heat_map(reference: str, matrix: Matrix, start: int, *, description: str) -> str:
    """The same as an SVG document of its own, for light and dark surroundings."""
    width, height, parts = _parts(reference, matrix, start)
    return standalone(width, height, parts, title=description, font=11)


def _parts(reference: str, matrix: Matrix, start: int) -> tuple[float, float, list[Markup]]:
    assert len(reference) == len(matrix)
    reference, matrix = reference[:MOST], matrix[:MOST]
    largest = largest_effect(matrix)
    parts = _legend(largest)
    rows = -(-len(reference) // ROW_BASES)
    for row in range(rows):
        first = row * ROW_BASES
        here = slice(first, first + ROW_BASES)
        parts += _row(reference[here], matrix[here], start + first, largest, _TOP + row * _ROW)
    return _WIDTH, _TOP + rows * _ROW, parts


def largest_effect(matrix: Matrix) -> float:
    """The largest size, nats; 1 where there is none."""
    return max((abs(x) for row in matrix for x in row if x is not None), default=0.0) or 1.0


def _row(reference: str, matrix: Matrix, start: int, largest: float, top: float) -> list[Markup]:
    parts = [
        svg.text(_LEFT - 10, top + (k + 1) * _HIGH - 4, letter, text_anchor="end", class_="tick")
        for k, letter in enumerate(LETTERS)
    ]
    for index, (letter, effects) in enumerate(zip(reference, matrix, strict=True)):
        x = _LEFT + index * _CELL
        place = start + index
        middle = x + _CELL / 2
        parts.append(svg.text(middle, top - 6, letter, text_anchor="middle", class_="gene-name"))
        if place % 10 == 0:
            at = top + 4 * _HIGH
            parts.append(svg.line(middle, at, middle, at + 5, "axis"))
            parts.append(
                svg.text(middle, at + 18, f"{place:,}", text_anchor="middle", class_="tick")
            )
        for k, effect in enumerate(effects):
            y = top + k * _HIGH
            if LETTERS[k] == letter:
                parts.append(svg.circle(middle, y + _HIGH / 2, 1.5, "control"))
            elif effect is not None:
                tip = f"{letter}{place:,}{LETTERS[k]}: {effect:+.2f} nats"
                parts.append(_cell(x, y, effect / largest, tip))
    return parts


def _cell(x: float, y: float, share: float, tip: str) -> Markup:
    colour = "var(--baseline)" if share < 0 else "var(--model)"
    opacity = round(abs(share) * _STEPS) / _STEPS
    style = f"fill:{colour};fill-opacity:{opacity:g}"
    return svg.rect(x + 0.5, y + 0.5, _CELL - 1, _HIGH - 1, None, tip, style=style)


def _legend(largest: float) -> list[Markup]:
    parts: list[Markup] = []
    x = _LEFT
    for share, name in (
        (-1.0, f"\u2212{largest:.2g}"),
        (-0.5, ""),
        (0.0, "0"),
        (0.5, ""),
        (1.0, f"+{largest:.2g} nats"),
    ):
        parts.append(_cell(x, 4, share, name or f"{share * largest:+.2g}"))
        if name:
            parts.append(svg.text(x + _CELL + 4, 17, name, class_="tick"))
            x += svg.text_width(name) + 8
        x += _CELL + 2
    return parts
