"""Damaged shards and manifests are found or read exactly; benchmarks/mutations.py runs 10,000."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mutations.py"


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutations", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module
    spec.loader.exec_module(module)
    return module


def test_damage_is_found_or_harmless(mutations: ModuleType, tmp_path: Path) -> None:
    damage = mutations.Damage(tmp_path)
    draw = np.random.default_rng(1)
    outcomes = [damage.try_one(draw) for _ in range(400)]
    # The padding of a tar may change without harm; most of it is data.
    assert outcomes.count("detected") > 200
    assert set(outcomes) <= {"detected", "read exactly"}


def test_a_manifest_that_contradicts_itself_or_the_shards_is_found(
    mutations: ModuleType, tmp_path: Path
) -> None:
    damage = mutations.Damage(tmp_path)
    draw = np.random.default_rng(2)
    outcomes = [damage.try_edit(draw) for _ in range(400)]
    # What was counted and which options there were can be anything.
    assert outcomes.count("detected") > 200
    assert set(outcomes) <= {"detected", "read exactly"}
