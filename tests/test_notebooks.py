"""The notebooks run from the first cell to the last; no jupyter is needed for that."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot

FOLDER = Path(__file__).parents[1] / "examples/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def shown(value: Any) -> str:
    """What a notebook shows of the last value of a cell."""
    own = getattr(value, "_repr_html_", None)
    return own() if own else repr(value)


def run(path: Path) -> list[str]:
    """Every cell in order, with what is shown below it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    found = []
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == [], "clear the outputs before a commit"
        tree = ast.parse("".join(cell["source"]), f"{path.name}, cell {number}")
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{path.name}, cell {number}", "exec"), names)
        if isinstance(last, ast.Expr):
            code = compile(ast.Expression(last.value), f"{path.name}, cell {number}", "eval")
            found.append(shown(eval(code, names)))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    mpl.use("Agg")
    try:
        found = run(path)
    finally:
        pyplot.close("all")
    assert found
    assert "<table>" in found[0]


def test_there_is_one() -> None:
    assert NOTEBOOKS
