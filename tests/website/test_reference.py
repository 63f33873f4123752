"""The pages of reference leave nothing out, and what the site puts there is of the code."""

from __future__ import annotations

from pathlib import Path

import hnet_seq
from hnet_seq.cli import VERBS
from website import pages

ROOT = Path(__file__).parents[2]


def test_every_public_name_stands_once() -> None:
    names = pages.NAMED.findall((ROOT / "docs/reference.md").read_text())
    assert sorted(names) == sorted(set(hnet_seq.__all__) - {"__version__"})


def test_every_verb_stands_once_with_its_line() -> None:
    text = (ROOT / "docs/command_line.md").read_text()
    assert pages.NAMED.findall(text) == list(VERBS)
    assert all(f"- `{verb}`: {line}\n" in text for verb, line in VERBS.items())


def test_a_line_becomes_the_docstring_or_the_help() -> None:
    assert ".. autofunction:: hnet_seq.embed\n" in pages.documented("embed")
    assert ".. autoclass:: hnet_seq.Genome\n" in pages.documented("Genome")
    shown = pages.helped("score")
    assert "usage: hnet-seq score " in shown
    assert "usage: hnet-seq score variants " in shown
