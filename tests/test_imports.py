"""The direction of imports, as the layout promises it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[1]

#: What each part may import of the project.
ALLOWED = {
    "modalities": {"modalities"},
    "pipelines": {"modalities", "pipelines"},
    "pipelines/storage": {"modalities", "pipelines.progress", "pipelines.storage"},
    "pipelines/formats": {"modalities", "pipelines.formats", "pipelines.storage"},
    "pipelines/documents": {"modalities", "pipelines.documents", "pipelines.storage"},
    "hnet_seq/ops": {"hnet_seq.ops"},
    "hnet_seq/model": {"hnet_seq.ops", "hnet_seq.model", "modalities"},
    "hnet_seq/heads": {"hnet_seq.ops", "hnet_seq.model", "hnet_seq.heads", "modalities"},
    "hnet_seq/jobs": {"hnet_seq.jobs", "modalities", "pipelines"},
    "hnet_seq/evidence": {
        "hnet_seq.analysis.shuffle",
        "hnet_seq.connected",
        "hnet_seq.evidence",
        "hnet_seq.ops",
        "hnet_seq.resampling",
        "hnet_seq.results",
        "modalities",
    },
    "hnet_seq/evidence/measures": {
        "hnet_seq.evidence.measures",
        "hnet_seq.resampling",
        "hnet_seq.results",
        "modalities",
    },
    "hnet_seq/evidence/probes": {
        "hnet_seq.evidence.measures",
        "hnet_seq.evidence.probes",
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
    "hnet_seq/transformers": {
        "hnet_seq.heads",
        "hnet_seq.model",
        "hnet_seq.ops",
        "hnet_seq.peers.files",
        "hnet_seq.train.masking",
        "hnet_seq.transformers",
        "modalities",
    },
    "hnet_seq/estimators": {
        "hnet_seq.estimators",
        "hnet_seq.evidence.probes",
        "hnet_seq.heads",
        "hnet_seq.model",
        "hnet_seq.tasks",
        "hnet_seq.train",
        "modalities",
        "pipelines.storage",
    },
}


Import: TypeAlias = ast.Import | ast.ImportFrom


@cache
def _statements(path: Path) -> list[tuple[Import, bool]]:
    """Imports anywhere in a file, in functions too; and whether they are for types alone."""
    return list(_within(ast.parse(path.read_text()), False))


def _within(node: ast.AST, for_types: bool) -> Iterator[tuple[Import, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Import):
            yield child, for_types
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _within(child, for_types or checked)


def _imports(path: Path) -> list[str]:
    names = []
    for node, _ in _statements(path):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif node.module:
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


def test_jobs_share_out_work_without_knowing_what_computes() -> None:
    for path in (ROOT / "hnet_seq/jobs").glob("*.py"):
        for node in ast.parse(path.read_text()).body:  # at its top: torch takes seconds
            names = [alias.name for alias in getattr(node, "names", [])]
            assert "torch" not in [*names, getattr(node, "module", "")], path


def test_estimators_are_a_face_that_nothing_stands_on() -> None:
    for top in ("hnet_seq", "modalities", "pipelines"):
        for path in (ROOT / top).rglob("*.py"):
            if path.parent.name != "estimators" and path != ROOT / "hnet_seq/__init__.py":
                found = [name for name in _imports(path) if name.startswith("hnet_seq.estimators")]
                assert not found, path


def _modules() -> dict[str, Path]:
    files = [
        file
        for top in ("hnet_seq", "modalities", "pipelines")
        for file in (ROOT / top).rglob("*.py")
    ]
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    return {name.removesuffix(".__init__"): file for name, file in names.items()}


def _imported(path: Path, modules: dict[str, Path]) -> set[str]:
    """Modules that are imported anywhere in a file, but for types alone."""
    found: set[str] = set()
    for node, for_types in _statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} if not for_types else set()
        elif node.module and not for_types:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in modules else node.module)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = _modules()
    graph = {
        name: (_imported(file, modules) & modules.keys()) - {name} for name, file in modules.items()
    }
    assert sum(map(len, graph.values())) > 1000
    # What imports nothing that is left goes; a circle stays.
    while gone := [name for name, imports in graph.items() if not imports & graph.keys()]:
        for name in gone:
            del graph[name]
    assert not graph, f"in a circle, or importing one: {sorted(graph)}"
