"""Windowed attention in tiles, where windows are wider than tiles and heads do not fit together."""

from __future__ import annotations

import pytest
import torch

from hnet_seq.ops.attention import naive, tiled
from hnet_seq.ops.packing import Packing


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("scores", [1, 3 * 128 * 300, 2**20])
def test_tiles_of_any_size_agree_with_the_definition(
    causal: bool, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled, "SCORES", scores)
    # A tile's keys in full view, sequences that end in a tile, and short ones together in one.
    packing = Packing.from_lengths([600, 1, 130, 20, 21, 5])
    generator = torch.Generator().manual_seed(0)
    shape = (packing.total, 4, 8)
    inputs = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    results = []
    for function in (naive.attention, tiled.windowed):
        leaves = [x.clone().requires_grad_() for x in inputs]
        q, k, v = leaves
        out = function(q, k, v, packing, 300, causal)
        results.append([out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)])
    for want, got in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_values_inside_a_projection_are_read_where_they_lie() -> None:
    packing = Packing.from_lengths([150, 90])
    projected = torch.randn(240, 3, 2, 16, generator=torch.Generator().manual_seed(0))
    q, k, v = projected.unbind(1)
    inside = tiled.windowed(q, k, v, packing, 20, True)
    q, k, v = (t.contiguous() for t in (q, k, v))
    assert torch.equal(inside, tiled.windowed(q, k, v, packing, 20, True))
