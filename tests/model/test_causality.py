"""A causal model: nothing at a position depends on later ones, for every layer and policy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from hnet_seq.model.boundary_policy import BoundaryPolicy, use_boundary_policy
from hnet_seq.model.hnet import HNet
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.ops.packing import Packing
from tests.model.policies import POLICIES, with_policy

# Around the width of a scan's block and of an attention's band, 64 both.
LENGTHS = [70, 1, 131]
PACKING = Packing.from_lengths(LENGTHS)
PLACES = [0, 40, 69, 70, 71, 71 + 64, PACKING.total - 1]

LAYERS = {"m": -1, "M": -1, "t": -1, "T": -1, "windowed t": 5}


def _model(layer: str, rule: BoundaryPolicy) -> HNetLanguageModel:
    """The layer everywhere: outside the chunks, and on them."""
    letter = layer[-1]
    model = with_policy(
        {
            "arch_layout": [f"{letter}1", [f"{letter}2"], f"{letter}1"],
            "d_model": [64, 96],
            "d_intermediate": [128, 128],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {
                "num_heads": [4, 4],
                "rotary_emb_dim": [8, 8],
                "window_size": [LAYERS[layer]] * 2,
            },
        },
        rule,
        residual_proj="identity",
    )
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.5 * noise / max(1, parameter[0].numel()) ** 0.5)
    return model


def _ids() -> Tensor:
    return torch.randint(0, 4, (PACKING.total,), generator=torch.Generator().manual_seed(4))


def _sequence(place: int) -> tuple[int, int]:
    """Where the sequence of a place begins and ends."""
    bounds = PACKING.cu_seqlens.tolist()
    start = max(bound for bound in bounds if bound <= place)
    return start, min(bound for bound in bounds if bound > place)


@pytest.mark.parametrize("rule", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize("layer", LAYERS)
def test_the_gradient_of_a_logit_stops_at_its_position(layer: str, rule: BoundaryPolicy) -> None:
    model, ids = _model(layer, rule), _ids()
    x = model.embeddings(ids).detach().requires_grad_()
    with use_boundary_policy(model, [rule]):
        out = model.backbone(x, ids, PACKING)
    assert 0 < out.boundaries[0].boundary_mask.float().mean() < 1
    logits = model.lm_head(out.hidden)
    for place in PLACES:
        (gradient,) = torch.autograd.grad(logits[place].square().sum(), x, retain_graph=True)
        seen = gradient.abs().sum(1)
        start, _ = _sequence(place)
        assert not seen[place + 1 :].any(), "a later position: exactly zero"
        # Sums run on across a sequence's start and are taken off again: rounding remains.
        assert seen[:start].sum() < 1e-5 * seen.max(), "another sequence"
        assert seen[start : place + 1].any()
        assert seen[place] > 0


@torch.no_grad()
@pytest.mark.parametrize("rule", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize("layer", LAYERS)
def test_a_later_token_moves_no_boundary_and_no_logit(layer: str, rule: BoundaryPolicy) -> None:
    """What gradients do not show: where chunks begin."""
    _check_that_later_tokens_move_nothing(_model(layer, rule), rule)


SEES_TOKENS = [name for name, rule in POLICIES.items() if rule.policy != "stride"]


@torch.no_grad()
@pytest.mark.parametrize("name", SEES_TOKENS)
def test_a_policy_that_is_shifted_by_one_is_found_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = HNet._boundaries
    lead = 2 if name == "entropy" else 1  # that of a token is known before the token is read

    def ahead(self: HNet, *arguments: Any) -> tuple[Tensor, Tensor]:
        prob, mask = honest(self, *arguments)
        return prob.roll(-lead), mask.roll(-lead)

    model = _model("m", POLICIES[name])
    _check_that_later_tokens_move_nothing(model, POLICIES[name])
    monkeypatch.setattr(HNet, "_boundaries", ahead)
    with pytest.raises(AssertionError):
        _check_that_later_tokens_move_nothing(model, POLICIES[name])


def _check_that_later_tokens_move_nothing(model: HNetLanguageModel, rule: BoundaryPolicy) -> None:
    ids = _ids()
    with use_boundary_policy(model, [rule]):
        before = model(ids, PACKING.cu_seqlens)
        for place in (30, 70, 150):
            _, end = _sequence(place)
            changed = ids.clone()
            changed[place:end] = (ids[place:end] + 2) % 4
            after = model(changed, PACKING.cu_seqlens)
            kept = torch.ones(PACKING.total, dtype=torch.bool)
            kept[place:end] = False
            for one, two in zip(before.boundaries, after.boundaries, strict=True):
                assert torch.equal(one.boundary_mask[kept], two.boundary_mask[kept])
            torch.testing.assert_close(before.logits[kept], after.logits[kept], atol=1e-4, rtol=0)
            assert not torch.allclose(before.logits[~kept], after.logits[~kept], atol=1e-2)
