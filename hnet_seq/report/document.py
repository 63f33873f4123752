"""Documents in one file, with the report's style: a page of HTML, and a drawing of it as SVG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

from hnet_seq.report.html import Markup, element, number


def read_style() -> str:
    """The style sheet of every page."""
    return files("hnet_seq.report").joinpath("style.css").read_text(encoding="utf-8")


def document(title: str, *body: str) -> str:
    """The page of this title, for the window, and of these elements."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(read_style())),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', *body), lang='en')}\n"


_STYLE = """
svg {{{light}}}
@media (prefers-color-scheme: dark) {{ svg {{{dark}}} }}
.paper {{ fill: var(--paper); }}
text {{ fill: var(--ink); font: {font}px system-ui, sans-serif; }}
.tick {{ fill: var(--soft); font-size: 12px; }}
.axis {{ stroke: var(--soft); }}
.grid {{ stroke: var(--rule); }}
.control {{ fill: var(--soft); }}
"""


def standalone(
    width: float, height: float, parts: Sequence[Markup], *, title: str, font: int = 13
) -> str:
    """An SVG document for light and dark surroundings.

    Args:
        width, height: pixels.
        title: what it shows, for who cannot see it.
        font: pixels of text that has no size of its own.
    """
    light, dark = re.findall(r":root \{(.*?)\}", read_style(), re.DOTALL)
    drawn = element(
        "svg",
        element("title", title),
        element("style", Markup(_STYLE.format(light=light, dark=dark, font=font))),
        element("rect", width=width, height=height, class_="paper"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
    )
    return f"{drawn}\n"
