"""Looking into a page, and changing the files that it is made of."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hnet_seq.report.page import build_page
from hnet_seq.report.run_data import read_run


def page_of(folder: Path) -> ElementTree.Element:
    """Strict: an unclosed tag or a bare ampersand is an error."""
    return ElementTree.fromstring(build_page(read_run(folder)))


def words(root: ElementTree.Element) -> str:
    return " ".join("".join(root.itertext()).split())


def section(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(s for s in root.iter("section") if s.get("aria-labelledby") == name)


def headings(root: ElementTree.Element) -> list[str]:
    return ["".join(h.itertext()) for h in root.iter("h2")]


def rows(root: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def edit_log(run: Path, edit: Callable[[dict], object]) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        edit(line)
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
