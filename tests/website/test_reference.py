"""The pages of reference leave nothing out, and what the site puts there is of the code."""

from __future__ import annotations

import inspect
import re
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


def test_the_names_of_an_argument_stand_on_one_line() -> None:
    """Else the generator takes the second line for text in the wrong place, and ends the build."""
    for name in set(hnet_seq.__all__) - {"__version__"}:
        said = inspect.getdoc(getattr(hnet_seq, name)) or ""
        for section in re.findall(r"^(?:Args|Attributes):\n((?:    .*\n|\n)*)", said + "\n", re.M):
            for line in re.findall(r"^    (\S.*)$", section, re.M):
                assert ":" in line, (name, line)
