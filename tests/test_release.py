"""What a release says of itself agrees with itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from hnet_seq import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTALL = (ROOT / "docs/install.md").read_text()


def test_the_citation_is_of_this_version() -> None:
    """Keys that version 1.2.0 of the format asks for; cffconvert 2.0.0 validated the file."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"authors", "cff-version", "message", "title"} <= cited.keys()
    assert cited["cff-version"] == "1.2.0"
    assert (cited["version"], cited["license"]) == (__version__, PROJECT["license"])
    assert PROJECT["version"] == __version__
    assert cited["authors"] == PROJECT["authors"]


def test_pythons_are_the_same_everywhere() -> None:
    name = "Programming Language :: Python :: 3."
    minors = [int(c.removeprefix(name)) for c in PROJECT["classifiers"] if c.startswith(name)]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert PROJECT["requires-python"] == f">=3.{minors[0]}"
    assert f"Python 3.{minors[0]} to 3.{minors[-1]}" in INSTALL


def test_the_page_of_installation_has_every_extra() -> None:
    table = INSTALL.split("| extra | for |")[1].split("\n\n")[0]
    listed = {
        extra
        for row in table.splitlines()[2:]
        for extra in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    others = {"cuda", "cpu", "bench", "dev"}  # of GPUs, of uv, and for who works on the project
    assert listed == set(PROJECT["optional-dependencies"]) - others
