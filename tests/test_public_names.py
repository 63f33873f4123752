"""What a user can import, complete and check: names, types, and what the docs show."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
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


SCRIPT = """
import hnet_seq
from hnet_seq import HNetForCausalLM, embed, score, segment

model = HNetForCausalLM.from_pretrained("run")
reveal_type(embed(model, "ACGT"))
reveal_type(score(model, ["ACGT"])[0].bits_per_base)
reveal_type(next(segment(model, "ACGT")).boundary_prob)
reveal_type(model.generate("ACGT")[0])
reveal_type(hnet_seq.Genome("g.fa").lengths)
reveal_type(hnet_seq.load_pretrained("run").num_stages)
"""
TYPES = ["ndarray", "float", "ndarray", "Tensor", "dict[str, int]", "int"]


@pytest.mark.slow
def test_a_users_script_sees_types(tmp_path: Path) -> None:
    """As if installed: each package says that it is typed, and mypy finds nothing to skip."""
    for package in ("hnet_seq", "modalities", "pipelines"):
        assert (ROOT / package / "py.typed").is_file()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    # The options of the project: what it has checked already is not checked again.
    command = [sys.executable, "-m", "mypy", str(script)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert len(revealed) == len(TYPES)
    for expected, found in zip(TYPES, revealed, strict=True):
        assert expected in found, (expected, found)
