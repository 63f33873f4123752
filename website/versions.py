"""The folder above the versions: `index.html` goes to the newest, `versions.html` lists them.

    python -m website.versions build/site

A version is a folder beside them that `make docs` built; older ones are kept by leaving them there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FIRST_PAGE = "docs/index.html"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">{head}
<title>hnet-seq: versions of the documentation</title>
<style>
body {{ font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 40rem; padding: 0 1rem }}
</style>
<h1>hnet-seq: versions</h1>
<ul>
{items}
</ul>
</html>
"""


def versions(folder: Path) -> list[str]:
    """Folders with a site, the newest version first."""
    names = [page.parents[1].name for page in folder.glob(f"*/{FIRST_PAGE}")]
    return sorted(names, key=_order, reverse=True)


def write(folder: Path) -> None:
    """Both pages.

    Raises:
        FileNotFoundError: there is no version in the folder.
    """
    found = versions(folder)
    if not found:
        raise FileNotFoundError(f"{folder}: no version of the site")
    items = "\n".join(f'<li><a href="{name}/{FIRST_PAGE}">{name}</a></li>' for name in found)
    goes = f'\n<meta http-equiv="refresh" content="0; url={found[0]}/{FIRST_PAGE}">'
    (folder / "index.html").write_text(PAGE.format(head=goes, items=items), encoding="utf-8")
    (folder / "versions.html").write_text(PAGE.format(head="", items=items), encoding="utf-8")


def _order(name: str) -> tuple[list[int], bool, str]:
    """1.10 is after 1.9, and 1.0 after its candidates, such as 1.0rc1."""
    numbers = re.match(r"\d+(\.\d+)*", name)
    parts = [int(part) for part in numbers[0].split(".")] if numbers else []
    return parts, numbers is not None and numbers[0] == name, name


if __name__ == "__main__":
    write(Path(sys.argv[1]))
