"""What the site adds to pages as they are read; where the code is hosted they stand as they are.

`docs/index.md` lists all pages: its headings and links become the site's navigation.
`docs/reference.md` and `docs/command_line.md` have a line for each public name and each verb: in
its place comes the docstring, below it the help. A notebook becomes a page with what its cells
give.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hnet_seq.cli import use_parser, uses_of, verb_parser
from website import notebooks

HEADING = re.compile(r"^## (.+)$", re.M)
LISTED = re.compile(r"^- \[([^]]+)\]\(([^)#]+)\)", re.M)  # "- [title](page): what it is"
NAMED = re.compile(r"^- `(\w+)`: .+$", re.M)
# A page that is named in prose; before it stands what is no prose, and passed over.
NAMED_PAGE = re.compile(r"^```.*?^```|`[^`]+`|<!--.*?-->|\]\([^)]+\)|\bdocs/(\w+)\.md", re.M | re.S)


def change(app: Any, docname: str, source: list[str]) -> None:
    """Sphinx's `source-read`: the text of one page, in place."""
    if not docname.startswith("examples/"):
        source[0] = linked(source[0])
    if docname == "docs/index":
        source[0] += navigation(source[0])
    elif docname == "docs/reference":
        source[0] = NAMED.sub(lambda found: documented(found[1]), source[0])
    elif docname == "docs/command_line":
        source[0] = NAMED.sub(lambda found: f"{found[0]}\n\n{helped(found[1])}", source[0])
    elif docname.startswith("examples/notebooks/"):
        path = Path(app.srcdir) / f"{docname}.ipynb"
        source[0] = notebooks.page(path, notebooks.run(path) if app.config.run_notebooks else None)


def linked(text: str) -> str:
    """Pages that are named in prose, such as docs/runs.md, as links."""

    def link(found: re.Match[str]) -> str:
        page = found[1]
        return f"[{page.replace('_', ' ')}](/docs/{page}.md)" if page else found[0]

    return NAMED_PAGE.sub(link, text)


def sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """Titles and pages that are listed, by heading; only headings with a list."""
    _, *parts = HEADING.split(text)
    found = {name: LISTED.findall(part) for name, part in zip(parts[::2], parts[1::2], strict=True)}
    return {name: listed for name, listed in found.items() if listed}


def navigation(text: str) -> str:
    """The same lists as Sphinx wants them."""
    trees = ""
    for heading, listed in sections(text).items():
        lines = "\n".join(
            f"{title} <{re.sub('[.](md|ipynb)$', '', page)}>" for title, page in listed
        )
        trees += f"\n\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{lines}\n```"
    return trees


def documented(name: str) -> str:
    """The directive for a public name."""
    import hnet_seq

    kind = "class" if isinstance(getattr(hnet_seq, name), type) else "function"
    return f"```{{eval-rst}}\n.. auto{kind}:: hnet_seq.{name}\n```"


def helped(verb: str) -> str:
    """The help of a verb, of its uses and actions."""
    texts = [verb_parser(verb).format_help()]
    texts += [use_parser(verb, use).format_help() for use in uses_of(verb)]
    return "\n".join(f"```text\n{text}```\n" for text in texts)
