"""The planning tables of docs/scale.md: printed by their script, and true to their formulas."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.train.parallel import _SHARE, _STATE_BYTES

ROOT = Path(__file__).parents[1]
CASES = [(gpus, windows) for gpus in (1, 8, 64, 512) for windows in (1, 4)]


@pytest.fixture(scope="module")
def step() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("scale_step")


@pytest.fixture(scope="module")
def tables(step: ModuleType) -> ModuleType:
    return importlib.import_module("scale_plan")


def test_the_document_has_the_tables_that_the_script_prints(tables: ModuleType) -> None:
    text = (ROOT / "docs" / "scale.md").read_text()
    assert all(f"<!-- {make.__name__} -->\n|" in text for make in tables.TABLES)
    assert tables.written(text) == text, "python benchmarks/scale_plan.py --write docs/scale.md"


def test_models_have_the_sizes_that_they_are_called(step: ModuleType) -> None:
    counts = [step.parameters(size) for size in step.SIZES]
    assert counts == pytest.approx([1e8, 1e9, 7e9], rel=0.03)


def test_a_strategy_is_chosen_as_training_chooses_it(step: ModuleType) -> None:
    assert step.FLOAT * 4 == _STATE_BYTES
    assert step.SPLIT_ABOVE == _SHARE
    for size, (gpus, windows) in itertools.product(step.SIZES, CASES):
        planned = step.plan(size, gpus, windows)
        split = _STATE_BYTES * step.parameters(size) > _SHARE * step.GPU_MEMORY
        if planned is not None:
            assert planned.strategy == ("none" if gpus == 1 else "fsdp2" if split else "ddp")


def test_a_step_fits_and_its_time_is_its_work(step: ModuleType) -> None:
    for size, (gpus, windows) in itertools.product(step.SIZES, CASES):
        planned = step.plan(size, gpus, windows)
        if planned is None:
            assert step.least_memory(size, gpus) > step.USABLE * step.GPU_MEMORY
            continue
        assert planned.state + planned.activations < step.USABLE * step.GPU_MEMORY
        assert planned.tokens >= size.step_tokens
        assert planned.micro * gpus <= planned.tokens
        work = flops_per_token(size.config, step.CONTEXT, step.TOKENS_PER_CHUNK)
        done = planned.computing * step.PEAK * step.ACHIEVED * gpus / planned.tokens
        assert done == pytest.approx((TRAINING_FACTOR + planned.checkpointing) * work)
    assert step.plan(step.SIZES[2], 1) is None


def test_rings_send_what_their_definition_says(step: ModuleType) -> None:
    small, _, large = step.SIZES
    weights = 4 * step.parameters(small)
    assert step.plan(small, 1).sent == 0
    # Each rank sends its part n - 1 times to reduce and n - 1 times to gather, a part being 1 / n.
    assert step.plan(small, 8).sent == pytest.approx(2 * 7 * weights / 8)
    split = step.plan(large, 64)
    micro_batches = split.tokens / 64 / split.micro
    assert split.sent == pytest.approx(3 * 63 / 64 * 4 * step.parameters(large) * micro_batches)


def test_layers_that_are_computed_again_keep_less(step: ModuleType) -> None:
    for size in step.SIZES:
        kept, again = (step.activations(size, 8192, again=value) for value in (False, True))
        assert 0.02 * kept < again < 0.5 * kept
        doubled = step.activations(size, 16384, again=False)
        assert doubled == pytest.approx(2 * kept, rel=0.01)


def test_the_slowest_of_many_is_worse_and_more_windows_make_it_better(step: ModuleType) -> None:
    size = step.SIZES[1]
    found = [step.slowest(size, gpus, 1) for gpus in (1, 8, 64, 512)]
    assert found[0] == 1
    assert found == sorted(found)
    # The mean of the largest of 8 standard normals is 1.4236 (Teichroew 1956).
    share = (found[1] - 1) / step.CHUNK_SPREAD / 1.4236
    assert 0.4 < share < 1
    assert step.slowest(size, 64, 4) - 1 == pytest.approx((found[2] - 1) / 2)
