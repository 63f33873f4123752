"""Links between pages lead somewhere, on the site as on a code host; needs no generator."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from website import notebooks, pages

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples/notebooks").glob("*.ipynb"))
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING")] + DOCS + NOTEBOOKS
LINK = re.compile(r"\]\(([^)\s]+)\)")
INDEX = ROOT / "docs/index.md"


@cache
def text_of(page: Path) -> str:
    """What is written on a page, without its code."""
    if page.suffix == ".ipynb":
        parts = [source for kind, source in notebooks.cells(page) if kind == "markdown"]
        return "\n\n".join(parts)
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


@cache
def anchors(page: Path) -> set[str]:
    """Of its headings, as code hosts and the site make them."""
    found = re.findall(r"^#+ (.+)$", text_of(page), re.M)
    plain = (re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", heading).lower() for heading in found)
    return {re.sub(r"[^\w\- ]", "", heading.strip()).replace(" ", "-") for heading in plain}


def dead(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(text_of(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(ROOT)
        if not (inside and target.exists()) or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert dead(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = ROOT / "docs/not_written.md"
    assert not page.exists()
    text = (
        "[a](audit.md) [b](audit.md#a-cleaner-split) [c](none.md) [d](audit.md#none) [e](../../x)"
    )
    (tmp_path / "page.md").write_text(text)
    links = LINK.findall(text_of(tmp_path / "page.md"))
    assert len(links) == 5
    assert "a-cleaner-split" in anchors(ROOT / "docs/audit.md")
    assert "none" not in anchors(ROOT / "docs/audit.md")


def test_the_first_page_lists_every_page_once() -> None:
    listed = [
        page for pages_of in pages.sections(INDEX.read_text()).values() for _, page in pages_of
    ]
    there = {(INDEX.parent / page).resolve() for page in listed}
    assert len(there) == len(listed)
    others = {ROOT / "README.md", INDEX}
    assert there == set(PAGES) - others


def test_navigation_is_the_list() -> None:
    text = "# A\n\n## Jobs\n\n- [Pretrain](../x/a.ipynb): b\n- [B](b.md)\n\n## None\n\nno list\n"
    tree = pages.navigation(text)
    assert tree.count("```{toctree}") == 1
    assert ":caption: Jobs" in tree
    assert "Pretrain <../x/a>\nB <b>\n" in tree


def test_a_page_that_is_named_in_prose_is_a_link_on_the_site() -> None:
    text = "see docs/runs.md, `docs/a.md`, [b](docs/b.md)\n```\ndocs/c.md\n```\n<!-- docs/d.md -->"
    new = "see [runs](/docs/runs.md), `docs/a.md`"
    assert pages.linked(text) == new + text[text.index(", [b]") :]
