"""Agreement with the reference activations and gradients, where they are present."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from hnet_seq.model.causal_lm import HNetForCausalLM, cross_entropy
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.ratio_loss import ratio_loss
from hnet_seq.ops import backend

FOLDER = Path(__file__).parents[1] / "../shared/parity"
FILES = sorted(FOLDER.glob("*.safetensors"))


@pytest.mark.skipif(not FILES, reason="the reference activations are not beside this checkout")
@pytest.mark.parametrize("backends", ["those that are chosen", "torch"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_activations_losses_and_gradients_match_the_reference(path: Path, backends: str) -> None:
    with backend("torch") if backends == "torch" else nullcontext():
        _compare(path)


def _compare(path: Path) -> None:
    with safe_open(path, "pt") as reference:
        config = HNetConfig.from_dict(json.loads(reference.metadata()["config"]))
        tensors = {name: reference.get_tensor(name) for name in reference.keys()}  # noqa: SIM118
    model = HNetForCausalLM(config)
    parameters = {n[6:]: t for n, t in tensors.items() if n.startswith("param/")}
    missing, unexpected = model.load_state_dict(parameters, strict=False)
    assert not unexpected
    assert not set(missing) - {"lm_head.weight"}
    ids, cu_seqlens = tensors["in/input_ids"].long(), tensors["in/cu_seqlens"]
    out = model(ids, cu_seqlens)

    torch.testing.assert_close(out.logits, tensors["out/logits"], atol=1e-4, rtol=0)
    targets = torch.full_like(ids, -100)
    targets[:-1] = ids[1:]
    targets[cu_seqlens[1:] - 1] = -100
    nll = cross_entropy(out.logits, targets) / (targets >= 0).sum()
    loss = nll.clone()
    for stage, boundaries in enumerate(out.boundaries):
        prob = tensors[f"out/boundary_prob.{stage}"]
        torch.testing.assert_close(boundaries.boundary_prob, prob, atol=1e-5, rtol=0)
        assert torch.equal(boundaries.boundary_mask, tensors[f"out/boundary_mask.{stage}"])
        ratio = ratio_loss(boundaries.boundary_prob, boundaries.boundary_mask, 4.0)
        torch.testing.assert_close(
            ratio, tensors[f"out/ratio_loss.{stage}"].squeeze(), atol=1e-5, rtol=0
        )
        loss = loss + 0.03 * ratio
    torch.testing.assert_close(nll, tensors["out/cross_entropy"].squeeze(), atol=1e-5, rtol=0)
    torch.testing.assert_close(loss, tensors["out/loss"].squeeze(), atol=1e-5, rtol=0)

    loss.backward()
    for name, parameter in model.named_parameters():
        expected = tensors[f"grad/{name}"]
        error = (parameter.grad - expected).norm() / expected.norm()
        assert error < 1e-3, f"{name}: relative gradient error {error:.2g}"
