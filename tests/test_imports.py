"""The direction of imports, as the layout promises it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What each part may import of the project.
ALLOWED = {
    "modalities": {"modalities"},
    "pipelines": {"modalities", "pipelines"},
    "hnet_seq/ops": {"hnet_seq.ops"},
    "hnet_seq/model": {"hnet_seq.ops", "hnet_seq.model", "modalities"},
    "hnet_seq/heads": {"hnet_seq.ops", "hnet_seq.model", "hnet_seq.heads"},
    "hnet_seq/baselines": {
        "hnet_seq.baselines",
        "hnet_seq.ops",
        "hnet_seq.resampling",
        "hnet_seq.results",
        "modalities",
    },
    "hnet_seq/analysis": {
        "hnet_seq.analysis",
        "hnet_seq.model",
        "hnet_seq.resampling",
        "hnet_seq.results",
        "modalities",
    },
    "hnet_seq/results": {"hnet_seq.results", "modalities", "pipelines"},
    "hnet_seq/report": {"hnet_seq.report", "hnet_seq.results", "modalities"},
}


def _imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return [n for n in names if n.split(".")[0] in {"hnet_seq", "modalities", "pipelines"}]


@pytest.mark.parametrize("part", ALLOWED)
def test_each_part_imports_only_what_lies_below_it(part: str) -> None:
    files = list((ROOT / part).rglob("*.py"))
    assert files
    for path in files:
        for name in _imports(path):
            allowed = any(name == a or name.startswith(a + ".") for a in ALLOWED[part])
            assert allowed, f"{path.relative_to(ROOT)} imports {name}"
