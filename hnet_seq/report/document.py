"""A page of HTML in one file, with the report's style."""

from __future__ import annotations

from importlib.resources import files

from hnet_seq.report.html import Markup, element


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
