"""Compiled layers compute what they compute otherwise; kernels are left as they are."""

from __future__ import annotations

import copy

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


@pytest.fixture
def layers() -> list[Layer]:
    """A Mamba-2 layer and one of attention with an MLP."""
    model = make_model("one stage")
    return [module for module in model.modules() if isinstance(module, Layer)][:3:2]


def values(layer: Layer, lengths: list[int]) -> list[torch.Tensor]:
    """Output and gradients for some input; without gradients only the output."""
    width = layer.norm1.weight.shape[0]
    generator = torch.Generator().manual_seed(len(lengths))
    x = torch.randn(sum(lengths), width, generator=generator, requires_grad=True)
    out = layer(x, Packing.from_lengths(lengths), None)
    if not torch.is_grad_enabled():
        return [out]
    layer.zero_grad()
    out.square().sum().backward()
    return [
        value for value in (out, x.grad, *(p.grad for p in layer.parameters())) if value is not None
    ]


# Dynamo alone, without code generation: whether a layer can be traced is seen here in seconds.
@pytest.mark.parametrize("grad", [True, False])
def test_a_traced_layer_is_the_layer(layers: list[Layer], grad: bool) -> None:
    # Without gradients the state-space layer takes another way, attention does not.
    for layer in layers if grad else layers[:1]:
        traced = copy.deepcopy(layer)
        traced.compile(backend="eager", dynamic=True)
        with torch.set_grad_enabled(grad):
            # The second has other shapes and so few tokens that products are done in parts.
            for lengths in ([40, 23], [5, 4, 8]):
                expected, found = values(layer, lengths), values(traced, lengths)
                torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def gradients(model: HNetForCausalLM, compiled: bool) -> dict[str, torch.Tensor]:
    """Of a step of two micro-batches of different shapes."""
    parallel = parallelize(model, ParallelConfig(compile=compiled))
    objective = Objective(model, "batch", [], "fp32", parallel)
    rng = np.random.default_rng(0)
    batches = []
    for lengths in ([40, 24], [90]):
        ids = rng.integers(0, 4, sum(lengths)).astype(np.uint8)
        bounds = np.cumsum([0, *lengths]).astype(np.int32)
        batches.append(PackedBatch(ids, np.roll(ids, -1).astype(np.int16), bounds, None))
    step, ratio = Extent.of(batches), RatioInForce([], [])
    for batch in batches:
        objective.backward(batch, step, ratio, Interval.of_stages(0), batch is batches[-1])
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.slow
def test_compiled_layers_train_as_others() -> None:
    try:
        from torch._inductor.cpp_builder import get_cpp_compiler

        get_cpp_compiler()
    except Exception as error:  # what PyTorch raises is its own
        pytest.skip(f"PyTorch finds no C++ compiler: {error}")
    expected = gradients(make_model("isotropic").train(), False)
    found = gradients(make_model("isotropic").train(), True)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(1e-3, float(value.abs().max()))
        torch.testing.assert_close(found[name], value, atol=2e-5 * scale, rtol=0, msg=name)
