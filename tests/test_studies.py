"""Every study can be imported, and says how it is called."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.train.runs import TINY, make_shards

STUDIES = sorted((Path(__file__).parents[1] / "studies").glob("*.py"))


def study(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)  # dataclasses look there
    monkeypatch.syspath_prepend(path.parent)  # as where it is called
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_can_be_imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = study(path, monkeypatch)
    # A part of a study says of which.
    assert any(
        f"studies/{own.name}" in (module.__doc__ or "") and path.stem.startswith(own.stem)
        for own in STUDIES
    )


def test_a_run_of_the_strand_study_is_taken_only_for_its_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strands = study(STUDIES[0].with_name("strand_symmetry.py"), monkeypatch)
    shards = make_shards(tmp_path, "ACGGTCATTGACCA" * 200)

    def trained(flops: float, *given: str, seed: int = 0) -> Any:
        way = strands.WAYS["symmetric"]
        config, _ = strands.configured(way, f"{shards}", [*TINY, *given], seed, flops)
        return strands.trained(config, tmp_path / "run")

    model, bits = trained(1.0)
    monkeypatch.setattr(strands, "pretrain", None)
    again, same = trained(1.0)
    assert same == bits
    assert again.state_dict().keys() == model.state_dict().keys()
    for flops, given, seed in (
        (1e12, (), 0),
        (1.0, ("model.ssm_cfg.d_state=32",), 0),
        (1.0, (), 1),
    ):
        with pytest.raises(SystemExit, match="has other settings"):
            trained(flops, *given, seed=seed)
