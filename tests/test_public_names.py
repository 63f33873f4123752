"""What a user can import, complete and check: names, types, and what the docs show."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest

import hnet_seq

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_completion_finds_every_public_name() -> None:
    assert dir(hnet_seq) == hnet_seq.__all__
    for name in hnet_seq.__all__:
        assert getattr(hnet_seq, name) is not None
        assert not (Path(hnet_seq.__file__).parent / name).is_dir(), "a folder has this name"
    names = {"shard", "predict", "load_pretrained", "ExperimentConfig", "Task", "Genome"}
    assert names | {"InputError", "UsageError", "segment", "score"} <= set(hnet_seq.__all__)


def imports(page: Path) -> list[tuple[str, str]]:
    """Module and name of each import of the project in a page's Python."""
    found = []
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module:
                found += [(node.module, alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                found += [(alias.name, "") for alias in node.names]
    ours = ("hnet_seq", "modalities", "pipelines")
    return [(module, name) for module, name in found if module.split(".")[0] in ours]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_docs_import_public_names_alone(page: Path) -> None:
    for module, name in imports(page):
        public = getattr(importlib.import_module(module), "__all__", ())
        assert not name or name in public, f"{page.name}: from {module} import {name}"


def test_some_docs_import_something() -> None:
    assert sum(len(imports(page)) for page in PAGES) > 10


def test_a_users_script_sees_types() -> None:
    """Each package says that it is typed, and mypy is given the script with what it should see."""
    for package in ("hnet_seq", "modalities", "pipelines"):
        assert (ROOT / package / "py.typed").is_file()
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert "tests" in options["files"]
    assert (ROOT / "tests/users_script.py").read_text().count("assert_type(") == 6
