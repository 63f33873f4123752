"""Small inputs that once went wrong, where they lie beside the checkout: each has its right answer.

A case is a folder with its input files; the function of the same name in one of the ``checks_*.py``
modules beside this file runs it. The claims themselves are tests of the project's own elsewhere,
which need no folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases.case import Case

CASES = Path(__file__).parents[2] / "../shared/cases"
FOLDERS = sorted(path.parent for path in CASES.glob("*/case.toml"))


def _checks() -> dict[str, Callable[[Case], None]]:
    """Every public function that a module of checks defines, by its name."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("checks_*.py")):
        module = importlib.import_module(f"tests.cases.{path.stem}")
        found.update({k: v for k, v in vars(module).items() if callable(v) and k[0] != "_"})
    return found


@pytest.mark.skipif(not FOLDERS, reason="the cases are not beside the checkout")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_right_answer(folder: Path, tmp_path: Path, case_model: Path) -> None:
    check = _checks().get(folder.name)
    assert check is not None, f"no module of checks has a function {folder.name}"
    check(Case(folder, tmp_path, case_model))
