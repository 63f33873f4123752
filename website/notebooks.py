"""Run a notebook from its first cell to its last, as Jupyter would; no Jupyter is needed.

Notebooks are kept without outputs: the site has those of the run that built it.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import html
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

from hnet_seq.cli import main

#: A command in a cell; as in Jupyter, braces hold an expression.
SHELL = re.compile(r"^!(.+)$", re.M)


def cells(path: Path) -> list[tuple[str, str]]:
    """Kind (`markdown` or `code`) and source of each cell."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def run(path: Path) -> list[str]:
    """What each code cell shows, as Markdown, in order; figures as PNG inside it.

    Code runs in the notebook's folder. An error in a cell is raised as it is.
    """
    names: dict[str, Any] = {"__name__": "__main__", "_command": _command}
    written = cells(path)
    with contextlib.chdir(path.parent):
        return [
            _shown(source, f"{path.name}, cell {number}", names)
            for number, (kind, source) in enumerate(written)
            if kind == "code"
        ]


def page(path: Path, outputs: list[str] | None) -> str:
    """The notebook as Markdown, with its outputs if there are some."""
    rest = iter(outputs or ())
    parts = []
    for kind, source in cells(path):
        language = "console" if source.startswith("!") else "python"
        parts.append(source if kind == "markdown" else f"```{language}\n{source}\n```")
        if kind == "code":
            parts.append(next(rest, ""))
    title, *body = parts
    return "\n\n".join([title, f"{{download}}`This notebook <{path.name}>`", *body])


def _shown(source: str, place: str, names: dict[str, Any]) -> str:
    """Run one cell: what it printed, the value of its last line, its figures."""
    tree = ast.parse(SHELL.sub(lambda found: f"_command(f{found[1]!r})", source), place)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, place, "exec"), names)
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), place, "eval"), names)
    parts = [_verbatim(printed.getvalue())] if printed.getvalue() else []
    figures = _figures()
    silent = source.rstrip().endswith(";")
    if value is not None and not silent:
        own = getattr(value, "_repr_html_", None)
        parts.append(_table(own()) if own else _verbatim(repr(value)))
    return "\n\n".join(parts + figures)


def _command(line: str) -> None:
    """`!hnet-seq ...`, in this process: a new one would import torch again."""
    program, *words = shlex.split(line)
    if program != "hnet-seq" or main(words):
        raise RuntimeError(f"this did not work: {line}")


def _table(text: str) -> str:
    """HTML as Markdown takes it: an empty line would end it. pandas puts a style in front."""
    text = re.sub(r"<style.*?</style>", "", text, flags=re.S)
    return "\n".join(line for line in text.splitlines() if line.strip())


def _verbatim(text: str) -> str:
    return f"<pre>{html.escape(text.rstrip())}</pre>"


def _figures() -> list[str]:
    from matplotlib import pyplot

    found = []
    for number in pyplot.get_fignums():
        drawn = io.BytesIO()
        pyplot.figure(number).savefig(drawn, format="png", dpi=130, bbox_inches="tight")
        data = base64.b64encode(drawn.getvalue()).decode()
        found.append(f'<img alt="figure of the cell above" src="data:image/png;base64,{data}">')
    pyplot.close("all")
    return found
