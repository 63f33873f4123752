"""Strand symmetry by construction: a sequence and its reverse complement are one to the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hnet_seq import ratio_loss
from hnet_seq.model.config import DNA_TOKENS
from hnet_seq.model.language_model import cross_entropy
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.model.router import Router
from hnet_seq.model.stack import Layer
from hnet_seq.model.strands import COMPLEMENT, _complement
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import backend
from hnet_seq.ops.strands import both_strands, exchange, mean_of_strands
from modalities import dna
from tests.model.strand_models import (
    LAYOUTS,
    assert_mirrored,
    mirrored,
    reverse_complement,
    strand_model,
)

CHUNKED = [name for name in LAYOUTS if name != "isotropic"]
LENGTHS = [37, 1, 90, 64, 5, 2, 129]
BOUNDS = Packing.from_lengths(LENGTHS).cu_seqlens


def _ids(lengths: list[int] = LENGTHS, kinds: int = DNA_TOKENS) -> Tensor:
    """Bases mostly, but every token of the vocabulary too."""
    random = np.random.default_rng(len(lengths))
    ids = random.integers(0, 4, sum(lengths))
    other = random.random(ids.size) < 0.1
    ids[other] = random.integers(0, kinds, int(other.sum()))
    return torch.from_numpy(ids)


def _loss(model: HNetForMaskedLM, ids: Tensor, targets: Tensor, lengths: list[int]) -> Tensor:
    out = model(ids, Packing.from_lengths(lengths).cu_seqlens)
    loss = cross_entropy(out.logits, targets) / 50
    for stage in out.boundaries:
        loss = loss + ratio_loss(stage.boundary_prob, stage.boundary_mask, 3.0)
    return loss


def _train(model: HNetForMaskedLM, steps: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.02)  # which takes sparse gradients too
    for step in range(steps):
        ids = _ids([50, 31, 60 + step])
        optimizer.zero_grad()
        _loss(model, ids, ids, [50, 31, 60 + step]).backward()
        optimizer.step()


@pytest.fixture(params=list(LAYOUTS))
def model(request: pytest.FixtureRequest) -> HNetForMaskedLM:
    return strand_model(request.param)


def test_the_complement_is_that_of_dna_and_of_its_markers() -> None:
    assert len(COMPLEMENT) == DNA_TOKENS == dna.DNA.vocab_size
    bases = dna.encode("ACGTN")
    assert dna.decode(np.array(COMPLEMENT)[bases]) == "TGCAN"
    assert COMPLEMENT[dna.BEGIN] == dna.END
    assert COMPLEMENT[dna.MASK] == dna.MASK
    assert [COMPLEMENT[token] for token in COMPLEMENT] == list(range(DNA_TOKENS))


def test_a_place_is_opposite_itself_on_the_other_strand() -> None:
    both = both_strands(Packing.from_lengths([3, 1, 2]))
    assert both.cu_seqlens.tolist() == [0, 3, 4, 6, 8, 9, 12]
    assert both.cu_seqlens.dtype == torch.int32
    x = torch.arange(12.0)[:, None] + torch.tensor([0.0, 100, 200])
    assert exchange(x)[1].tolist() == [1, 110, 210]
    assert torch.equal(exchange(exchange(x)), x)
    assert torch.equal(exchange(x.flip(0)), exchange(x).flip(0))
    assert mean_of_strands(x)[:, 0].tolist() == [5.5] * 6


@pytest.mark.parametrize("how", ["fresh", "any weights", "trained"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_200_sequences_and_their_reverse_complements_agree(layout: str, how: str) -> None:
    lengths = np.random.default_rng(7).integers(1, 60, 200).tolist()
    model = strand_model(layout, fresh=how != "any weights")
    if how == "trained":
        _train(model, 8)
    ids, bounds = _ids(lengths), Packing.from_lengths(lengths).cu_seqlens
    with torch.no_grad():
        one = model(ids, bounds)
        other = model(reverse_complement(ids, lengths), bounds)
        assert_mirrored(one, other, lengths)
        for stage in one.boundaries:
            assert 0.02 < stage.boundary_mask.float().mean() < 0.98, "the cut must matter"


def test_packed_padded_and_alone_are_the_same(model: HNetForMaskedLM) -> None:
    ids = _ids()
    packed = model(ids, BOUNDS)
    padded = torch.full((len(LENGTHS), max(LENGTHS)), 7)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    padded[mask] = ids
    logits = model(padded, mask=mask).logits[mask]
    torch.testing.assert_close(logits, packed.logits, atol=1e-4, rtol=0)
    expected = packed.logits.split(LENGTHS)
    for place, own in enumerate(ids.split(LENGTHS)):
        alone, logits = model(own), expected[place]
        torch.testing.assert_close(alone.logits, logits, atol=1e-4, rtol=0)
        assert_mirrored(alone, model(reverse_complement(own, [len(own)])), [len(own)])
        for stage, whole in zip(alone.boundaries[:1], packed.boundaries[:1], strict=True):
            assert torch.equal(stage.boundary_mask, whole.boundary_mask.split(LENGTHS)[place])


@pytest.mark.parametrize("model", CHUNKED, indirect=True)
def test_chunks_of_one_base_and_one_chunk_are_mirrored_too(model: HNetForMaskedLM) -> None:
    """Every border a boundary, and none: by vectors that are opposite, and the same."""
    for sign in (-1, 1):
        for module in model.modules():
            if isinstance(module, Router):
                module.q_proj_layer.weight.data = torch.eye(module.d_model)
                module.k_proj_layer.weight.data = sign * torch.eye(module.d_model)
        ids = torch.zeros(41, dtype=torch.int64)
        one, other = model(ids), model(reverse_complement(ids, [41]))
        if sign < 0:
            assert one.boundaries[0].boundary_mask[3:-3].all()
        else:
            assert not one.boundaries[0].boundary_mask[3:-3].any()
        assert_mirrored(one, other, [41])


def test_direction_is_known(model: HNetForMaskedLM) -> None:
    """It is the reverse complement that is the same, neither the reverse nor the complement."""
    ids = _ids(kinds=4)
    hidden = model(ids, BOUNDS).hidden
    reverse = mirrored(model(mirrored(ids, LENGTHS), BOUNDS).hidden, LENGTHS)
    complement = model(torch.tensor(COMPLEMENT)[ids], BOUNDS).hidden
    for other in (reverse, complement):
        assert (other - hidden).abs().mean() > 0.05 * hidden.abs().mean()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mixer_writes_half_of_its_channels_to_the_other_strand(layout: str) -> None:
    packing = both_strands(Packing.from_lengths([40]))
    layers = [module for module in strand_model(layout).modules() if isinstance(module, Layer)]
    for layer in layers:
        width = layer.norm1.weight.numel()
        x = torch.randn(80, width, generator=torch.Generator().manual_seed(3))
        changed = x.clone()
        changed[79 - 35] += 1  # place 35 of the other strand, on which 33 follows
        moved = (layer(changed, packing, None) - layer(x, packing, None)).ne(0)
        assert moved[33].any(), "within the window of 7"
        assert not moved[36:40].any(), "which lie before it on that strand"
        if layer.mlp is None:
            assert not moved[33, : width // 2].any()
            assert moved[33, width // 2 :].all()
            assert moved[79 - 33, : width // 2].all(), "the first half stays"
            assert not moved[79 - 33, width // 2 :].any()


def test_each_strand_has_seen_both_sides() -> None:
    """Before the mean, which would see both sides of two strands that never met."""
    model, packing = strand_model("isotropic"), Packing.from_lengths([40])
    ids = _ids([40], kinds=4)
    base = model.encode(ids, packing).both_strands
    assert base is not None
    for place, seen in ((35, 5), (5, 35)):
        changed = ids.clone()
        changed[place] = (ids[place] + 1) % 4
        other = model.encode(changed, packing).both_strands
        assert other is not None
        for row in (seen, 79 - seen):  # of either strand
            assert (other[row] - base[row]).abs().max() > 1e-4


def test_boundaries_alone_are_those_of_the_whole_model(model: HNetForMaskedLM) -> None:
    ids, packing = _ids(), Packing.from_lengths(LENGTHS)
    whole, alone = model.encode(ids, packing).boundaries, model.boundaries(ids, packing)
    assert len(whole) == len(alone) == model.num_stages
    for one, two in zip(whole, alone, strict=True):
        assert torch.equal(one.boundary_mask, two.boundary_mask)
        assert torch.equal(one.cu_seqlens, two.cu_seqlens)
        torch.testing.assert_close(one.boundary_prob, two.boundary_prob)


def test_a_step_on_the_reverse_complements_has_the_same_gradient(model: HNetForMaskedLM) -> None:
    """With the straight-through estimator, the ratio loss and the tables of n-grams."""
    ids, targets = _ids(), _ids()
    targets[::3] = -100
    complement = torch.tensor([*COMPLEMENT, -100])  # what is not asked for stays so
    turned = mirrored(torch.where(targets < 0, len(COMPLEMENT), targets), LENGTHS)

    def gradients(ids: Tensor, targets: Tensor) -> dict[str, Tensor]:
        model.zero_grad()
        _loss(model, ids, targets, LENGTHS).backward()
        found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        return {n: g.to_dense() if g.is_sparse else g.clone() for n, g in found.items()}

    one = gradients(ids, targets)
    other = gradients(reverse_complement(ids, LENGTHS), complement[turned])
    assert one.keys() == dict(model.named_parameters()).keys()
    for name, gradient in one.items():
        assert gradient.any(), name
        scale = gradient.abs().max().item()
        torch.testing.assert_close(other[name], gradient, atol=1e-3 * scale, rtol=0)


def test_gradients_are_finite_differences(model: HNetForMaskedLM) -> None:
    """Of what lies behind the last decision; before it the estimator is what is meant."""
    ids = _ids()
    inner: Any = model.backbone
    while inner.encoder is not None:
        inner = inner.main_network
    weights = list(inner.main_network.parameters())
    if not model.config.tie_embeddings:
        weights.append(model.lm_head.weight)
    random = torch.Generator().manual_seed(5)
    steps = [torch.randn(w.shape, generator=random) * w.detach().abs().mean() for w in weights]

    def value() -> Tensor:
        logits = model(ids, BOUNDS).logits
        return (logits.double() * _ids()[:, None].sub(3)).mean()

    gradients = torch.autograd.grad(value(), weights)
    slope = sum(float((g * s).sum()) for g, s in zip(gradients, steps, strict=True))
    ends = []
    with torch.no_grad():
        for size in (1e-2, -2e-2):
            for weight, step in zip(weights, steps, strict=True):
                weight += size * step
            ends.append(float(value()))
    assert (ends[0] - ends[1]) / 2e-2 == pytest.approx(slope, rel=2e-2)


def test_kernels_and_plain_pytorch_agree(model: HNetForMaskedLM) -> None:
    ids = _ids()
    taken = model(ids, BOUNDS)
    with backend("torch"):
        plain = model(ids, BOUNDS)
        assert_mirrored(plain, model(reverse_complement(ids, LENGTHS), BOUNDS), LENGTHS)
    torch.testing.assert_close(taken.logits, plain.logits, atol=1e-4, rtol=0)
    for one, two in zip(taken.boundaries, plain.boundaries, strict=True):
        assert torch.equal(one.boundary_mask, two.boundary_mask)


def test_rounded_to_bf16_it_is_symmetric_within_the_rounding(model: HNetForMaskedLM) -> None:
    ids = _ids()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        one, other = model(ids, BOUNDS), model(reverse_complement(ids, LENGTHS), BOUNDS)
    difference = mirrored(other.hidden, LENGTHS) - one.hidden
    assert difference.norm() < 0.02 * one.hidden.norm()
    for stage, mirror in zip(one.boundaries, other.boundaries, strict=True):
        counts = stage.cu_seqlens.diff().tolist()
        assert mirror.cu_seqlens.diff().tolist() == counts
        pairs = zip(
            stage.boundary_mask.split(counts), mirror.boundary_mask.split(counts), strict=True
        )
        assert all(torch.equal(there[1:].flip(0), here[1:]) for here, there in pairs)


@pytest.mark.parametrize("model", ["one stage"], indirect=True)
def test_what_was_read_without_gradients_can_be_learned_from(model: HNetForMaskedLM) -> None:
    """The table of complements is kept: it must not be one of inference mode."""
    _complement.cache_clear()
    with torch.inference_mode():
        model(_ids(), BOUNDS)
    before = _complement.cache_info().misses
    model(_ids(), BOUNDS).logits.square().mean().backward()
    assert _complement.cache_info().misses == before == 1


def test_a_fresh_routers_projections_part(model: HNetForMaskedLM) -> None:
    fresh = HNetForMaskedLM(model.config)
    fresh(_ids(), BOUNDS).logits.square().mean().backward()
    for module in fresh.modules():
        if isinstance(module, Router):
            one, other = module.q_proj_layer.weight.grad, module.k_proj_layer.weight.grad
            assert one is not None
            assert other is not None
            assert (one - other).norm() > 0.01 * one.norm()
