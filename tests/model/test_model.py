"""What the model promises whatever its layout."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hnet_seq import HNetConfig, HNetForCausalLM, ratio_loss
from hnet_seq.model.causal_lm import cross_entropy
from hnet_seq.model.initialization import initialize
from hnet_seq.model.layout import parse_layout
from hnet_seq.ops import backend
from tests.conftest import make_model

Tokens = Callable[[int], Tensor]
LENGTHS = [37, 1, 90, 64, 5, 129]


def _packed(tokens: Tokens) -> tuple[list[Tensor], Tensor, Tensor]:
    sequences = [tokens(n) for n in LENGTHS]
    return sequences, torch.cat(sequences), torch.tensor([0, *LENGTHS]).cumsum(0)


def test_logits_do_not_depend_on_batch_mates(model: HNetForCausalLM, tokens: Tokens) -> None:
    sequences, ids, cu_seqlens = _packed(tokens)
    packed = model(ids, cu_seqlens).logits.split(LENGTHS)
    for sequence, logits in zip(sequences, packed, strict=True):
        # Tied to N(0, 1) embeddings the logits reach 20: one more unit in the last place.
        torch.testing.assert_close(model(sequence).logits, logits, atol=1e-5, rtol=1e-6)


def test_padded_input_gives_the_packed_logits(model: HNetForCausalLM, tokens: Tokens) -> None:
    sequences, ids, cu_seqlens = _packed(tokens)
    padded = torch.full((len(LENGTHS), max(LENGTHS)), 7)
    mask = torch.zeros_like(padded, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = True
    logits = model(padded, mask=mask).logits
    torch.testing.assert_close(logits[mask], model(ids, cu_seqlens).logits, atol=1e-5, rtol=0)
    assert not logits[~mask].any()


def test_no_logit_depends_on_a_later_token(model: HNetForCausalLM, tokens: Tokens) -> None:
    ids = tokens(80)
    before = model(ids).logits
    for changed in (1, 40, 79):
        other = ids.clone()
        other[changed] = (other[changed] + 1) % 4
        after = model(other).logits
        torch.testing.assert_close(after[:changed], before[:changed], atol=1e-5, rtol=0)
        assert not torch.allclose(after[changed:], before[changed:], atol=1e-3)


def test_every_parameter_receives_a_gradient(model: HNetForCausalLM, tokens: Tokens) -> None:
    _, ids, cu_seqlens = _packed(tokens)
    out = model(ids, cu_seqlens)
    loss = out.logits.square().mean()
    for stage in out.boundaries:
        loss = loss + ratio_loss(stage.boundary_prob, stage.boundary_mask, 3.0)
    loss.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without


def test_every_sequence_begins_a_chunk_at_every_stage(
    model: HNetForCausalLM, tokens: Tokens
) -> None:
    _, ids, cu_seqlens = _packed(tokens)
    for stage, inner in zip(*[model(ids, cu_seqlens).boundaries] * 2, strict=True):
        assert stage.boundary_mask[stage.cu_seqlens[:-1].long()].all()
        assert torch.equal(inner.boundary_prob > 0.5, inner.boundary_mask)


def test_chunks_become_the_positions_of_the_next_stage(tokens: Tokens) -> None:
    model = make_model("two stages, MLPs outside, tied")
    _, ids, cu_seqlens = _packed(tokens)
    outer, inner = model(ids, cu_seqlens).boundaries
    counts = [int(part.sum()) for part in outer.boundary_mask.split(LENGTHS)]
    assert inner.cu_seqlens.diff().tolist() == counts


@pytest.mark.parametrize(
    "cu_seqlens", [[0, 3], [1, 10], [0, 5, 5, 10], [0, 7, 5, 10], [0]], ids=str
)
def test_a_wrong_packing_is_refused(cu_seqlens: list[int]) -> None:
    with pytest.raises(ValueError, match="cu_seqlens"):
        make_model("isotropic")(torch.zeros(10, dtype=torch.long), torch.tensor(cu_seqlens))


def test_padding_before_a_token_is_refused() -> None:
    mask = torch.tensor([[True, False, True]])
    with pytest.raises(ValueError, match="padding"):
        make_model("isotropic")(torch.zeros(1, 3, dtype=torch.long), mask=mask)


def test_saving_what_was_loaded_gives_the_same_bytes(
    model: HNetForCausalLM, tmp_path: Path
) -> None:
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "a")
    loaded = HNetForCausalLM.from_pretrained(tmp_path / "a", device="cpu")
    loaded.save_pretrained(tmp_path / "b")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert loaded.metadata["modality"] == "dna"


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    model = make_model("isotropic")
    model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        HNetForCausalLM.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no model\.safetensors"):
        HNetForCausalLM.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("layout", [["m4", "m4"], ["q3"], ["m4", ["T1"]], [""], ["m0"], "m4", [3]])
def test_a_layout_outside_the_grammar_is_refused(layout: object) -> None:
    with pytest.raises(ValueError, match="layout"):
        parse_layout(layout)


def test_an_unknown_model_key_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown model key attn_cfg\.heads"):
        HNetConfig.from_dict({"arch_layout": ["m1"], "attn_cfg": {"heads": [4]}})


def test_ratio_loss_is_one_at_the_target_and_its_gradient_points_there() -> None:
    mask = torch.arange(300) % 3 == 0
    assert ratio_loss(torch.full((300,), 1 / 3), mask, 3.0).item() == pytest.approx(1)
    prob = torch.full((300,), 0.5, requires_grad=True)
    ratio_loss(prob, torch.ones(300, dtype=torch.bool), 3.0).backward()
    assert prob.grad is not None
    assert (prob.grad.numpy() > 0).all(), "too many boundaries: probabilities must fall"
    with pytest.raises(ValueError, match="above 1"):
        ratio_loss(prob, mask, 1.0)


def test_initial_weights_follow_the_paper() -> None:
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m2", ["M4"], "m2"],
            "d_model": [256, 256],
            "d_intermediate": [0, 512],
        }
    )
    model = HNetForCausalLM(config, seed=0)
    backbone: Any = model.backbone
    inner = backbone.main_network.main_network.layers[0]
    assert torch.equal(backbone.routing_module.q_proj_layer.weight, torch.eye(256))
    assert not backbone.residual_proj.weight.any()
    assert inner.mixer.in_proj.weight.std().item() == pytest.approx(0.02, rel=0.02)
    # Two encoder and two decoder layers outside, four layers with MLPs inside: 4 + 8 additions.
    expected = 0.02 / math.sqrt(12)
    assert inner.mlp.fc2.weight.std().item() == pytest.approx(expected, rel=0.02)
    outer = backbone.encoder.layers[0].mixer
    assert outer.out_proj.weight.std().item() == pytest.approx(0.02 / 2, rel=0.02)
    dt = torch.nn.functional.softplus(outer.dt_bias)
    assert ((dt > 0.99e-3) & (dt < 0.101)).all()
    assert ((outer.A_log.exp() >= 1) & (outer.A_log.exp() <= 16)).all()
    initialize(backbone, torch.Generator().manual_seed(0), "identity")
    assert torch.equal(backbone.residual_proj.weight, torch.eye(256))


def test_plain_pytorch_gives_what_the_kernels_give(model: HNetForCausalLM) -> None:
    ids = torch.randint(0, 4, (300,), generator=torch.Generator().manual_seed(4))
    cu_seqlens = torch.tensor([0, 1, 90, 300])
    results = []
    for context in (nullcontext(), backend("torch")):
        model.zero_grad()
        with context:
            out = model(ids, cu_seqlens)
            cross_entropy(out.logits, ids.roll(-1)).backward()
        gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        results.append([out.logits.detach(), *gradients])
    for got, want in zip(*results, strict=True):
        assert (got - want).norm() < 1e-4 * want.norm().clamp(min=1)
