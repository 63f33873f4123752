"""Every study can be imported, and says how it is called."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

STUDIES = sorted((Path(__file__).parents[1] / "studies").glob("*.py"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_can_be_imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)  # dataclasses look there
    monkeypatch.syspath_prepend(path.parent)  # as where it is called
    spec.loader.exec_module(module)
    # A part of a study says of which.
    assert any(
        f"studies/{own.name}" in (module.__doc__ or "") and path.stem.startswith(own.stem)
        for own in STUDIES
    )
