"""CONTRIBUTING says what our own words mean, wherever a class has one for its name."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = ("unit", "part", "piece", "stretch", "place", "slice")


def rows() -> dict[str, set[str]]:
    """Files of each word."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Words")[1].split("## Rules")[0]
    found: dict[str, set[str]] = {}
    for line in re.findall(r"^\| (?!word|-)(.+) \|$", section, re.M):
        words, _, files = line.split(" | ")
        for word in words.split(", "):
            found.setdefault(word.removesuffix("s"), set()).update(re.findall(r"`(.+?)`", files))
    return found


def test_its_files_are_there() -> None:
    named = set().union(*rows().values())
    assert len(named) > 10
    assert all((ROOT / file).exists() for file in named)


def test_each_class_that_is_called_so_is_in_it() -> None:
    known, count = rows(), 0
    pattern = re.compile(rf"^class _?(?:Fasta|Tar)?({'|'.join(WORDS)})s?\b", re.M | re.I)
    for top in ("hnet_seq", "modalities", "pipelines"):
        for file in (ROOT / top).rglob("*.py"):
            for word in pattern.findall(file.read_text()):
                count += 1
                assert f"{file.relative_to(ROOT)}" in known[word.lower()], (file, word)
    assert count > 10
