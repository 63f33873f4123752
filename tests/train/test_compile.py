"""Compiled layers compute what they compute otherwise; kernels are left as they are."""

from __future__ import annotations

import copy
from functools import partialmethod

import numpy as np
import pytest
import torch

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.stack import Layer
from hnet_seq.ops import Packing
from hnet_seq.parallel_config import ParallelConfig
from hnet_seq.train.extent import Extent
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Objective
from hnet_seq.train.parallel import parallelize
from hnet_seq.train.ratio_control import RatioInForce
from pipelines.batches.token_batches import PackedBatch
from tests.conftest import make_model

# PyTorch's own, which it hides where they are no errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    torch.compiler.reset()


#: Micro-batches: the second has other shapes, and so few tokens that products are done in parts.
LENGTHS = ([40, 24], [5, 4, 8])


@torch.no_grad()
def test_a_traced_layer_is_the_layer_without_gradients() -> None:
    """The state-space layer, which takes another way then; attention does not."""
    layer = next(own for own in make_model("one stage").modules() if isinstance(own, Layer))
    traced = copy.deepcopy(layer)
    traced.compile(backend="eager", dynamic=True)
    for lengths in LENGTHS:
        x = torch.randn(sum(lengths), 64, generator=torch.Generator().manual_seed(0))
        expected, found = (own(x, Packing.from_lengths(lengths), None) for own in (layer, traced))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def gradients(model: HNetForCausalLM, compiled: bool) -> dict[str, torch.Tensor]:
    """Of a step of two micro-batches of different shapes."""
    parallel = parallelize(model, ParallelConfig(compile=compiled))
    objective = Objective(model, "batch", [], "fp32", parallel)
    rng = np.random.default_rng(0)
    batches = []
    for lengths in LENGTHS:
        ids = rng.integers(0, 4, sum(lengths)).astype(np.uint8)
        bounds = np.cumsum([0, *lengths]).astype(np.int32)
        batches.append(PackedBatch(ids, np.roll(ids, -1).astype(np.int16), bounds, None))
    step, ratio = Extent.of(batches), RatioInForce([], [])
    for batch in batches:
        objective.backward(batch, step, ratio, Interval.of_stages(0), batch is batches[-1])
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.slow
def test_compiled_layers_train_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.utils import counters

    try:
        from torch._inductor.cpp_builder import get_cpp_compiler

        get_cpp_compiler()
    except Exception:  # what PyTorch raises is its own; without a compiler layers are traced alone
        monkeypatch.setattr(Layer, "compile", partialmethod(Layer.compile, backend="eager"))
    expected = gradients(make_model("isotropic").train(), False)
    counters.clear()
    found = gradients(make_model("isotropic").train(), True)
    assert counters["stats"]["unique_graphs"], "no layer was compiled"
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(1e-3, float(value.abs().max()))
        torch.testing.assert_close(found[name], value, atol=2e-5 * scale, rtol=0, msg=name)
