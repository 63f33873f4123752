"""A bidirectional model: reversed sequences give reversed everything, and every vector sees all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hnet_seq import HNetConfig, HNetForCausalLM, ratio_loss
from hnet_seq.model.attention import SelfAttention
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.boundary_policy import BoundaryPolicy, use_boundary_policy
from hnet_seq.model.chunking import Chunks, confidence
from hnet_seq.model.config import SSMConfig
from hnet_seq.model.flops import flops_per_token
from hnet_seq.model.layout import parse_stack
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.model.router import Router
from hnet_seq.model.stack import Stack
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.reversal import reverse
from tests.model import strand_models

LENGTHS = [37, 1, 90, 64, 5, 2, 129]
PACKING = Packing.from_lengths(LENGTHS)
CLOSE: dict[str, Any] = {"atol": 5e-5, "rtol": 1e-5}

LAYOUTS = [name for name in strand_models.LAYOUTS if name != "n-gram memory"]
CHUNKED = [name for name in LAYOUTS if name != "isotropic"]


def _config(layout: str, bidirectional: bool = True) -> HNetConfig:
    return strand_models.shape_of(layout, bidirectional=bidirectional, strand_symmetric=False)


def _varied(module: nn.Module, scale: float = 0.6) -> nn.Module:
    """Every weight away from its start, so that every part matters and chunks vary."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(scale * noise / max(1, parameter[0].numel()) ** 0.5)
    return module.eval()


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=LAYOUTS)
def model(request: pytest.FixtureRequest) -> HNetForMaskedLM:
    model = _varied(HNetForMaskedLM(_config(request.param), residual_proj="identity"))
    assert isinstance(model, HNetForMaskedLM)
    return model


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _ids(total: int = PACKING.total) -> Tensor:
    return torch.randint(0, 4, (total,), generator=torch.Generator().manual_seed(total))


def _turned(x: Tensor) -> Tensor:
    return reverse(x, PACKING)


def _attention(rotary: int, window: int) -> SelfAttention:
    return SelfAttention(64, 4, rotary, window, bidirectional=True)


MIXERS = {
    "Mamba-2": lambda: Mamba2(64, SSMConfig(d_state=16), bidirectional=True),
    "attention": lambda: _attention(8, -1),
    "attention without rotary": lambda: _attention(0, -1),
    "window of 5": lambda: _attention(8, 5),
    "window of 70": lambda: _attention(16, 70),
}


@pytest.mark.parametrize("mixer", MIXERS.values(), ids=MIXERS.keys())
def test_a_mixer_turns_with_its_input_and_sees_both_sides(mixer: Any) -> None:
    mixer = _varied(mixer())
    x = _random(PACKING.total, 64).requires_grad_()
    out = mixer(x, PACKING)
    torch.testing.assert_close(mixer(_turned(x), PACKING), _turned(out), **CLOSE)
    middle = LENGTHS[0] // 2
    (seen,) = torch.autograd.grad(out[middle].square().sum(), x)
    reached = seen.abs().sum(1).nonzero().flatten().tolist()
    assert min(reached) < middle < max(reached)
    assert max(reached) < LENGTHS[0], "a sequence is alone"


@pytest.mark.parametrize("layout", ["m2", "M2", "t2", "T2", "m1T1t1M1"])
def test_a_stack_turns_with_its_input(layout: str) -> None:
    config = _config("isotropic")
    config.attn_cfg.window_size = [5]
    stack = _varied(Stack(parse_stack(layout), config, 0))
    x = _random(PACKING.total, 64)
    torch.testing.assert_close(stack(_turned(x), PACKING), _turned(stack(x, PACKING)), **CLOSE)


def test_a_sequence_of_one_position_gives_what_a_causal_mixer_gives() -> None:
    both, causal = Mamba2(64, SSMConfig(d_state=16), True), Mamba2(64, SSMConfig(d_state=16))
    causal.load_state_dict(both.state_dict())
    x, one = _random(3, 64), Packing.from_lengths([1, 1, 1])
    torch.testing.assert_close(both(x, one), causal(x, one))


def _between(p: Tensor) -> list[Tensor]:
    """Of each sequence the values at its second and later positions: between two positions."""
    return [part[1:] for part in p.split(LENGTHS)]


def test_the_boundaries_of_a_router_lie_between_two_positions() -> None:
    router = _varied(Router(64, bidirectional=True))
    h = _random(PACKING.total, 64)
    prob, mask = router(h, PACKING)
    assert 0.2 < mask.float().mean() < 0.8
    turned_prob, turned_mask = router(_turned(h), PACKING)
    for one, two in zip(_between(prob), _between(turned_prob), strict=True):
        torch.testing.assert_close(two.flip(0), one, **CLOSE)
    for one, two in zip(_between(mask), _between(turned_mask), strict=True):
        assert torch.equal(two.flip(0), one)
    assert prob[PACKING.starts].eq(1).all()


def test_chunks_are_cut_and_spread_the_same_from_either_end() -> None:
    """The dechunking by hand: three chunks of 1, 3 and 2 positions."""
    packing = Packing.from_lengths([6])
    prob = torch.tensor([1.0, 0.7, 0.1, 0.2, 0.6, 0.3])
    chunks = Chunks(prob > 0.5, packing, bidirectional=True)
    h = torch.arange(6.0)[:, None]
    assert chunks.downsample(h).flatten().tolist() == [0, 2, 4.5]
    z = torch.tensor([[1.0], [10.0], [100.0]])
    end = 1 - 1e-4  # the probability of a start and of an end, as far as it may go
    left = [end * 1, 0.7 * 10 + 0.3 * end, 0]
    left[2] = 0.6 * 100 + 0.4 * left[1]
    right = [0, 0, end * 100]
    right[1] = 0.6 * 10 + 0.4 * right[2]
    right[0] = 0.7 * 1 + 0.3 * right[1]
    expected = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
    smoothed = chunks.smooth(z, prob)
    assert smoothed.flatten().tolist() == pytest.approx(expected)
    spread = [smoothed[k].item() for k in (0, 1, 1, 1, 2, 2)]
    assert chunks.upsample(smoothed, torch.ones(6)).flatten().tolist() == spread


def test_the_confidence_of_a_position_is_that_of_both_its_borders() -> None:
    prob = torch.tensor([1.0, 0.7, 0.1, 1.0, 0.2], requires_grad=True)  # of 3 and 2 positions
    factor = confidence(prob, prob > 0.5, mirrored=True)
    torch.testing.assert_close(factor, torch.ones(5))
    factor.dot(torch.tensor([1.0, 10, 100, 1000, 10000])).backward()
    # A border that is not a boundary counts against its probability; starts end what is before.
    expected = torch.tensor([1 + 10000, 1 + 10, -(10 + 100), 100 + 1000, -(1000 + 10000)]) / 2
    torch.testing.assert_close(prob.grad, expected)


def test_the_whole_model_turns_with_its_input(model: HNetForMaskedLM) -> None:
    ids = _ids()
    out = model(ids, PACKING.cu_seqlens)
    turned = model(_turned(ids), PACKING.cu_seqlens)
    torch.testing.assert_close(turned.hidden, _turned(out.hidden), **CLOSE)
    torch.testing.assert_close(turned.logits, _turned(out.logits), atol=1e-4, rtol=1e-5)
    for stage, other in zip(out.boundaries, turned.boundaries, strict=True):
        lengths = stage.cu_seqlens.diff().tolist()
        assert 0.05 < stage.boundary_mask.float().mean() < 0.95, "the cut must matter"
        for one, two in zip(
            stage.boundary_mask.split(lengths), other.boundary_mask.split(lengths), strict=True
        ):
            assert torch.equal(two[1:].flip(0), one[1:])
    for chunks, others in zip(out.chunks, turned.chunks, strict=True):
        assert chunks.shape == others.shape


def test_the_gradients_turn_with_the_input(model: HNetForMaskedLM) -> None:
    """The straight-through factors too, whose values are 1 whatever they depend on."""
    ids, weight = _ids(), _random(PACKING.total, 64)

    def gradients(ids: Tensor, weight: Tensor) -> list[Tensor]:
        x = model.embeddings(ids).detach().requires_grad_()
        out = model.backbone(x, ids, PACKING)
        loss = (out.hidden * weight).sum()
        for stage in out.boundaries:
            loss = loss + stage.boundary_prob.square().sum()
        routers = [m.q_proj_layer.weight for m in model.modules() if isinstance(m, Router)]
        return list(torch.autograd.grad(loss, [x, *routers]))

    first, *parameters = gradients(ids, weight)
    turned, *others = gradients(_turned(ids), _turned(weight))
    torch.testing.assert_close(turned, _turned(first), atol=1e-3, rtol=1e-3)
    for one, two in zip(parameters, others, strict=True):
        torch.testing.assert_close(two, one, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("model", CHUNKED, indirect=True)
def test_a_vector_has_seen_every_position(model: HNetForMaskedLM) -> None:
    ids = _ids(40)
    x = model.embeddings(ids).detach().requires_grad_()
    out = model.backbone(x, ids, Packing.from_lengths([40]))
    for place in (0, 20, 39):
        (seen,) = torch.autograd.grad(out.hidden[place].square().sum(), x, retain_graph=True)
        assert seen.abs().sum(1).gt(0).all()


def test_logits_do_not_depend_on_batch_mates_or_padding(model: HNetForMaskedLM) -> None:
    ids = _ids()
    packed = model(ids, PACKING.cu_seqlens).logits
    padded = torch.full((len(LENGTHS), max(LENGTHS)), 7)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    padded[mask] = ids
    torch.testing.assert_close(model(padded, mask=mask).logits[mask], packed, atol=1e-4, rtol=0)
    for sequence, logits in zip(ids.split(LENGTHS), packed.split(LENGTHS), strict=True):
        torch.testing.assert_close(model(sequence).logits, logits, atol=1e-4, rtol=0)


def test_every_parameter_receives_a_gradient(model: HNetForMaskedLM) -> None:
    out = model(_ids(), PACKING.cu_seqlens)
    loss = out.logits.square().mean()
    for stage in out.boundaries:
        loss = loss + ratio_loss(stage.boundary_prob, stage.boundary_mask, 3.0)
    loss.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without


def test_a_fresh_routers_projections_part(model: HNetForMaskedLM) -> None:
    """They are exchangeable in the symmetric cosine: with equal weights they would stay equal."""
    fresh = HNetForMaskedLM(model.config)
    out = fresh(_ids(), PACKING.cu_seqlens)
    out.logits.square().mean().backward()
    for module in fresh.modules():
        if isinstance(module, Router):
            q, k = module.q_proj_layer, module.k_proj_layer
            torch.testing.assert_close(q.weight, torch.eye(len(q.weight)), atol=0.12, rtol=0)
            one, other = q.weight.grad, k.weight.grad
            assert one is not None
            assert other is not None
            assert (one - other).norm() > 0.01 * one.norm()


@pytest.mark.parametrize(
    "rule", [BoundaryPolicy("stride", every=4), BoundaryPolicy("delimiters", tokens=[2])], ids=str
)
def test_a_rule_cuts_as_in_a_causal_model(rule: BoundaryPolicy) -> None:
    both, causal = (
        HNetForMaskedLM(_config("one stage")),
        HNetForCausalLM(_config("one stage", bidirectional=False)),
    )
    with use_boundary_policy(both, [rule]), use_boundary_policy(causal, [rule]):
        one, two = (m(_ids(), PACKING.cu_seqlens).boundaries[0] for m in (both, causal))
    assert torch.equal(one.boundary_mask, two.boundary_mask)


def test_the_flag_is_in_the_json_only_where_it_is_set(tmp_path: Path) -> None:
    assert "bidirectional" not in _config("one stage", bidirectional=False).to_dict()
    HNetForCausalLM(_config("one stage", bidirectional=False)).save_pretrained(tmp_path)
    assert "bidirectional" not in (tmp_path / "config.json").read_text()
    again = HNetConfig.from_dict(_config("one stage").to_dict())
    assert again.bidirectional
    with pytest.raises(ValueError, match="bidirectional"):
        HNetConfig.from_dict({**_config("one stage").to_dict(), "bidirectional": "yes"})


def test_a_causal_model_refuses_the_flag_and_a_masked_one_its_absence() -> None:
    with pytest.raises(ValueError, match="HNetForMaskedLM takes it"):
        HNetForCausalLM(_config("one stage"))
    with pytest.raises(ValueError, match="set bidirectional: true"):
        HNetForMaskedLM(_config("one stage", bidirectional=False))


def test_there_is_no_running_state(model: HNetForMaskedLM) -> None:
    with pytest.raises(ValueError, match="reads whole sequences"):
        model.backbone.new_state(1, torch.device("cpu"))


def test_a_checkpoint_is_loaded_as_what_it_is(model: HNetForMaskedLM, tmp_path: Path) -> None:
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "a")
    assert json.loads((tmp_path / "a/config.json").read_text())["bidirectional"] is True
    for loaded in (
        HNetForMaskedLM.from_pretrained(tmp_path / "a", "cpu"),
        load_pretrained(tmp_path / "a", "cpu"),
    ):
        assert isinstance(loaded, HNetForMaskedLM)
        assert loaded.metadata == {"modality": "dna"}
        assert torch.equal(loaded(_ids(9)).logits, model(_ids(9)).logits)
    loaded.save_pretrained(tmp_path / "b")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with pytest.raises(ValueError, match="HNetForMaskedLM takes it"):
        HNetForCausalLM.from_pretrained(tmp_path / "a")


def test_weights_of_a_causal_model_fit(tmp_path: Path) -> None:
    causal = HNetForCausalLM(_config("one stage", bidirectional=False))
    HNetForMaskedLM(_config("one stage")).load_state_dict(causal.state_dict())
    causal.save_pretrained(tmp_path)
    assert isinstance(load_pretrained(tmp_path, "cpu"), HNetForCausalLM)


def test_reading_both_ways_costs_less_than_twice_the_work() -> None:
    for layout, rates in (("isotropic", []), ("one stage", [3.0])):
        causal = flops_per_token(_config(layout, bidirectional=False), 4096, rates)
        both = flops_per_token(_config(layout), 4096, rates)
        assert causal < both
    wide = _config("isotropic")
    wide.d_model, wide.attn_cfg.window_size = [1024], [63]
    both = flops_per_token(wide, 4096, [])
    wide.bidirectional = False
    assert both < 1.3 * flops_per_token(wide, 4096, [])
