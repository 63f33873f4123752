"""Gradients of one-hot sequences are finite differences, and what straight-through adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hnet_seq import HNetOneHot
from hnet_seq.heads.one_hot import Output
from hnet_seq.model.chunking import chunk_depth
from hnet_seq.model.language_model import HNetLanguageModel
from tests.heads.one_hot_models import MODELS, STRAND, ids_of, make, one_hot, sequences


@pytest.fixture(params=MODELS, ids=[", ".join(map(str, m)) for m in MODELS])
def model(request: pytest.FixtureRequest) -> HNetLanguageModel:
    return make(*request.param)


def cuts(face: HNetOneHot, x: Tensor) -> Tensor:
    """(B, L): how many stages begin a chunk at each base."""
    out, packing = face.encode(x)
    masks = [stage.boundary_mask for stage in out.boundaries]
    return chunk_depth(masks, packing.total).view(len(x), -1)


def objective(face: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """(B,): one number of all outputs of a sequence, each with a weight of its own."""

    def of(x: Tensor) -> Tensor:
        out = face(x).double().flatten(1)
        generator = torch.Generator().manual_seed(5)
        weights = torch.randn(out.shape[1], generator=generator, dtype=torch.float64)
        return (out * weights).mean(1)

    return of


def compared(face: HNetOneHot, x: Tensor, step: float = 5e-3) -> tuple[Tensor, Tensor]:
    """The gradient of a sequence (1, 4, L), and finite differences, where the chunks hold."""
    of = objective(face)
    given = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(of(given).sum(), given)
    where = [(base, place) for place in range(0, x.shape[2], 3) for base in range(4)]
    shifts = torch.zeros(len(where), *x.shape[1:])
    for row, (base, place) in enumerate(where):
        shifts[row, base, place] = step
    both = torch.cat([x + shifts, x - shifts])
    with torch.no_grad():
        held = (cuts(face, both) == cuts(face, x)).all(1).view(2, -1).all(0)
        up, down = of(both).view(2, -1)
    found = torch.stack([gradient[0, base, place] for base, place in where])
    return found[held].double(), (up - down)[held] / 2 / step


@pytest.mark.parametrize("output", ["logits", "pooled"])
def test_the_gradient_is_that_of_finite_differences(
    model: HNetLanguageModel, output: Output
) -> None:
    options: dict[str, Any] = {"pooling": "bases"} if output == "pooled" else {}
    found, expected = compared(HNetOneHot(model, output, **options), one_hot(sequences(1)))
    assert len(found) > 12
    assert float(expected.abs().max()) > 1e-4
    torch.testing.assert_close(found, expected, rtol=0, atol=float(expected.abs().max()) * 0.02)


def test_likelihoods_have_the_gradient_of_the_base_that_is_asked_for_too() -> None:
    face = HNetOneHot(make("one stage", "memory"), "log_likelihood")
    found, expected = compared(face, one_hot(sequences(1)))
    assert len(found) > 12
    torch.testing.assert_close(found, expected, rtol=0, atol=float(expected.abs().max()) * 0.02)


def test_between_sequences_too() -> None:
    """Of mixtures of letters, and an n-gram memory around the likeliest ones."""
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(1, 4, 30, generator=generator) + 3 * one_hot([STRAND[:30]])
    shares = shares / shares.sum(1, keepdim=True)
    found, expected = compared(HNetOneHot(make("one stage", "memory")), shares)
    assert len(found) > 12
    torch.testing.assert_close(found, expected, rtol=0, atol=float(expected.abs().max()) * 0.02)


@pytest.mark.parametrize(
    ("ngrams", "both"), [("memory", False), ("memory", True), ("counts", False)]
)
def test_a_memory_is_a_straight_line_from_one_base_to_another(ngrams: str, both: bool) -> None:
    model = make("isotropic", ngrams, both)
    face = HNetOneHot(model)
    heard: list[Tensor] = []
    first = next(module for module in model.modules() if type(module).__name__ == "Stack")
    first.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    one, two = one_hot(["ACGTACGATTAC"]), one_hot(["ACGTAGGATTAC"])
    for share in (0.0, 0.3, 0.5, 0.8, 1.0):
        face((1 - share) * one + share * two)
    start, end = heard[0], heard[-1]
    assert not torch.equal(start, end)
    for share, found in zip((0.3, 0.5, 0.8), heard[1:-1], strict=True):
        torch.testing.assert_close(found, (1 - share) * start + share * end, atol=1e-5, rtol=0)


def test_straight_through_adds_the_routers_decisions_to_the_gradient() -> None:
    model, x = make("one stage"), one_hot(sequences(1)).requires_grad_()
    gradients = []
    for straight in (False, True):
        face = HNetOneHot(model, straight_through=straight)
        gradients.append(torch.autograd.grad(objective(face)(x).sum(), x)[0])
    with torch.no_grad():
        same = HNetOneHot(model, straight_through=True)(x)
    torch.testing.assert_close(same, HNetOneHot(model)(x), atol=1e-6, rtol=0)
    assert not torch.allclose(gradients[0], gradients[1], rtol=0.01)
    isotropic = make("isotropic")
    alike = [
        torch.autograd.grad(
            objective(HNetOneHot(isotropic, straight_through=straight))(x).sum(), x
        )[0]
        for straight in (False, True)
    ]
    assert torch.equal(*alike)


def test_straight_through_is_the_gradient_that_training_has() -> None:
    model = make("one stage", "without memory", True)
    letters = sequences(1)
    x = one_hot(letters).requires_grad_()
    face = HNetOneHot(model, straight_through=True)
    (found,) = torch.autograd.grad(objective(face)(x).sum(), x)
    heard: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        output.retain_grad()
        heard.append(output)

    handle = model.embeddings.register_forward_hook(keep)
    objective(lambda ids: model(ids).logits)(ids_of(letters)).sum().backward()
    handle.remove()
    table = model.embeddings.weight.detach()
    gradient = heard[0].grad
    assert gradient is not None
    by_letter = gradient.reshape(len(STRAND), -1) @ (table[:4] - table[4]).t()
    torch.testing.assert_close(found[0].t(), by_letter, atol=1e-6, rtol=1e-3)
