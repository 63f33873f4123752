"""Benchmarks are run by hand: that they still fit the package is seen here."""

from __future__ import annotations

import runpy
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Forked

FOLDER = Path(__file__).parents[1] / "benchmarks"
BENCHMARKS = sorted(FOLDER.glob("*.py"))


def test_what_benchmarks_import_is_there(tmp_path: Path) -> None:
    # A process of its own: some choose threads and processors when they are imported.
    assert BENCHMARKS
    ended = Forked(_import_all, folder=tmp_path).end()
    assert (ended.code, ended.out) == (0, ""), ended


def _import_all() -> None:
    sys.path.insert(0, str(FOLDER))
    for path in BENCHMARKS:
        try:
            runpy.run_path(str(path), run_name="imported")
        except BaseException:
            print(path, traceback.format_exc(), flush=True)


def _names(script: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    return runpy.run_path(str(FOLDER / script), run_name="imported")


def test_what_is_compared_takes_turns_in_alternating_order(monkeypatch: pytest.MonkeyPatch) -> None:
    common = _names("common.py", monkeypatch)
    order: list[str] = []
    runs = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    taken = common["in_turns"](runs, 3, time.perf_counter, warm_up=1)
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(times) for name, times in taken.items()} == {"a": 3, "b": 3}
    assert common["spread"]([3.0, 1.0, 2.0], ".1f") == "2.0 (1.0 to 3.0)"


def test_a_held_router_cuts_every_third_and_still_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = _names("steps.py", monkeypatch)
    of = steps["shape"]("ecoli_demo").smoke()
    step = steps["TrainingStep"](of, lengths=[30, 12])
    router = step.model.backbone.routing_module
    before = router.q_proj_layer.weight.detach().clone()
    step()
    assert step.tokens_per_chunk == [3.0]
    assert not router.q_proj_layer.weight.equal(before)


def test_ragged_lengths_make_all_tokens_and_equal_ones_as_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ragged = _names("ragged.py", monkeypatch)
    for seed in range(20):
        lengths = ragged["ragged_lengths"](16384, seed)
        assert sum(lengths) == 16384
        assert 1 <= min(lengths) <= max(lengths) <= 8192
        equal = ragged["equal_lengths"](16384, len(lengths))
        assert sum(equal) == 16384
        assert max(equal) - min(equal) <= 1


@pytest.mark.parametrize("letter", ["m", "T"])
def test_isotropic_models_have_about_as_many_flops(
    letter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    isotropic = _names("isotropic.py", monkeypatch)
    of = isotropic["shape"]("hnet512")
    flat = isotropic["isotropic"](of, letter)
    work = isotropic["flops_per_token"]
    goal = work(of.config, of.context, [3.0])
    assert work(flat.config, flat.context, []) == pytest.approx(goal, rel=0.07)
    assert flat.config.d_model == [512]
