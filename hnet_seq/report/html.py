"""HTML and SVG as nested function calls; every text and attribute value is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

# Neither HTML nor XML can hold them, and they do come in names read from files.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

Attribute = str | float | None


class Markup(str):
    """Text that is markup already; plain ``str`` is escaped wherever it is put."""

    __slots__ = ()


class Section(Markup):
    """A section of the page: its markup, and what that is made of.

    Args:
        anchor: by which links find it.
    """

    anchor: str
    heading: str
    parts: tuple[str, ...]

    def __new__(cls, anchor: str, heading: str, *parts: str) -> Section:
        title = element("h2", heading, id=anchor)
        found = super().__new__(cls, element("section", title, *parts, aria_labelledby=anchor))
        found.anchor, found.heading, found.parts = anchor, heading, parts
        return found

    def with_end(self, *parts: str) -> Section:
        """The same, with more at its end."""
        return Section(self.anchor, self.heading, *self.parts, *parts)


def escape(text: str) -> Markup:
    """Text as it stands between tags or in a quoted attribute."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", text), quote=True))


def join(parts: Iterable[str]) -> Markup:
    """Markup after markup."""
    return Markup("".join(escape(part) for part in parts))


def element(tag: str, *children: str, **attributes: Attribute) -> Markup:
    """``<tag attributes>children</tag>``.

    ``class_`` is written ``class``, and other underscores become hyphens. An attribute that is
    None is left out. Numbers are rounded to two decimals: finer than any screen.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    # Closed as XML wants it, which HTML reads the same: the page can be checked by an XML parser.
    inner = join(children)
    if not inner and tag in _EMPTY:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{inner}</{tag}>")


_EMPTY = frozenset({"br", "meta", "path", "line", "rect", "circle", "polygon"})


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return escape(value)
    return number(value)


def number(value: float) -> str:
    """A coordinate: two decimals at most, no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return "0" if text == "-0" else text


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str | None = None,
    numeric: Sequence[int] = (),
    emphasised: Sequence[int] = (),
) -> Markup:
    """A table whose first cell of each row is its heading.

    Args:
        numeric: columns that are set flush right.
        emphasised: rows set in bold.
    """

    def kind(column: int) -> str | None:
        return "number" if column in numeric else None

    header = element(
        "tr",
        *(element("th", text, scope="col", class_=kind(c)) for c, text in enumerate(head)),
    )
    body = join(
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", text, class_=kind(c)) for c, text in enumerate(row[1:], 1)),
            class_="emphasis" if index in emphasised else None,
        )
        for index, row in enumerate(rows)
    )
    label = element("caption", caption) if caption else ""
    return scrollable(
        element("table", label, element("thead", header), element("tbody", body)),
        caption or ", ".join(filter(None, head)),
    )


def scrollable(content: str, label: str) -> Markup:
    """What may be wider than a phone; reachable by keyboard, so that it can be scrolled."""
    return element("div", content, class_="scroll", tabindex=0, role="region", aria_label=label)


def caption(said: str) -> Markup:
    """What is said of a picture or a table."""
    return element("p", said, class_="caption")


def figure(picture: str, caption: str, numbers: str | None = None, title: str = "") -> Markup:
    """A picture, the sentence that says how to read it, and its numbers folded away."""
    return element(
        "figure",
        element("h3", title) if title else "",
        picture,
        element("figcaption", caption),
        element("details", element("summary", "Numbers"), numbers) if numbers else "",
    )
