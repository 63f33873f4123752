"""Operations that see both sides: attention without causality, and reading from the end."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS
from hnet_seq.ops.reversal import both_ways, reverse

# Lengths around the band, and equal ones to be grouped; the band is at least 64.
LENGTHS = [1, 2, 64, 3, 200, 63, 65, 129, 200, 1]


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize("window", [-1, 0, 5, 64, 100, 500])
def test_attention_to_both_sides_agrees_with_the_definition(window: int, device: str) -> None:
    packing = Packing.from_lengths(LENGTHS, device)
    inputs = _random(3, packing.total, 2, 16)
    weight = _random(packing.total, 2, 16).to(device)
    results = []
    for name in ("naive", "torch"):
        leaves = [x.clone().to(device).requires_grad_() for x in inputs]
        out = IMPLEMENTATIONS["attention"][name].function(*leaves, packing, window, False)
        results.append([out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)])
    for got, want in zip(*reversed(results), strict=True):
        error = (got - want).norm() / want.norm().clamp(min=1)
        assert error < 2e-5, f"relative error {error:.1e}"


@pytest.mark.parametrize("window", [-1, 5])
def test_attention_sees_as_far_to_the_right_as_to_the_left(window: int) -> None:
    packing = Packing.from_lengths([30, 20])
    q, k, v = _random(3, 50, 1, 8)
    v = v.requires_grad_()
    out = IMPLEMENTATIONS["attention"]["torch"].function(q, k, v, packing, window, False)
    (seen,) = torch.autograd.grad(out[12].sum(), v)
    expected = range(30) if window < 0 else range(7, 18)
    assert seen.abs().sum((1, 2)).nonzero().flatten().tolist() == list(expected)


def test_reading_from_the_end_turns_each_sequence_and_twice_nothing() -> None:
    packing = Packing.from_lengths([3, 1, 2])
    x = torch.arange(6.0)[:, None]
    assert reverse(x, packing).flatten().tolist() == [2, 1, 0, 3, 5, 4]
    assert torch.equal(reverse(reverse(x, packing), packing), x)


def test_reading_from_the_end_has_the_gradient_of_the_permutation() -> None:
    packing = Packing.from_lengths([3, 1, 2])
    x = _random(6, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: reverse(x, packing) ** 2, x)
    assert torch.autograd.gradgradcheck(lambda x: reverse(x, packing) ** 2, x)


def test_what_runs_both_ways_turns_with_its_inputs_to_the_last_bit() -> None:
    packing = Packing.from_lengths(LENGTHS)
    p, z = torch.sigmoid(_random(packing.total)), _random(packing.total, 4)

    def smooth(z: Tensor, p: Tensor) -> Tensor:
        return IMPLEMENTATIONS["smooth"]["torch"].function(z, p, packing)

    out = both_ways(smooth, packing, z, p)
    turned = both_ways(smooth, packing, reverse(z, packing), reverse(p, packing))
    assert torch.equal(reverse(turned, packing), out)
    assert not torch.allclose(out, smooth(z, p))
