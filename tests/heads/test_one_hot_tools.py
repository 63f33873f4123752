"""The one-hot face under tangermeme and captum: their own functions give what ours give."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hnet_seq import (
    HeadConfig,
    HNetForCausalLM,
    HNetForSequenceClassification,
    HNetOneHot,
    saturation_mutagenesis,
)
from tests.heads.one_hot_models import make, one_hot

PAGE = Path(__file__).parents[2] / "docs/one_hot.md"
LETTERS = ["ACGTTGCATGTACGATTACAGGCATCAG", "TTACGACTACGGGCATATCTACGACTAC"]


@pytest.fixture(scope="module")
def face() -> HNetOneHot:
    """Two classes, of chunks and an n-gram memory."""
    head = HeadConfig("single_label", ["no", "yes"])
    model = HNetForSequenceClassification.from_causal_lm(make("one stage", "memory"), head)
    return HNetOneHot(model.eval(), "scores")


class Total(nn.Module):
    """(B, L) to (B, 1), as functions of sequences want it."""

    def __init__(self, face: HNetOneHot) -> None:
        super().__init__()
        self.face = face

    def forward(self, x: Tensor) -> Tensor:
        return self.face(x).sum(1, keepdim=True)


def tangermeme(name: str) -> Any:
    """A module of it."""
    return pytest.importorskip(f"tangermeme.{name}", reason="needs tangermeme")


def test_ablation(face: HNetOneHot) -> None:
    x = one_hot(LETTERS)
    found = tangermeme("ablate").ablate(face, x, 5, 15, n=3, random_state=0, device="cpu")
    shuffled = tangermeme("ersatz").shuffle(x, start=5, end=15, n=3, random_state=0)
    torch.testing.assert_close(found.y_before, face(x).detach())
    expected = torch.stack([face(own.float()).detach() for own in shuffled])
    torch.testing.assert_close(found.y_after, expected, atol=1e-5, rtol=1e-5)


def test_marginalization(face: HNetOneHot) -> None:
    x = one_hot(LETTERS)
    found = tangermeme("marginalize").marginalize(face, x, "TATAAT", start=4, device="cpu")
    changed = one_hot([f"{own[:4]}TATAAT{own[10:]}" for own in LETTERS])
    torch.testing.assert_close(found.y_after, face(changed).detach(), atol=1e-5, rtol=1e-5)


def test_saturation_mutagenesis_is_ours() -> None:
    model = make("two stages, tied", "memory")
    assert isinstance(model, HNetForCausalLM)
    face = Total(HNetOneHot(model, "log_likelihood"))
    theirs = tangermeme("saturation_mutagenesis").saturation_mutagenesis(
        face, one_hot(LETTERS[:1]), raw_outputs=True, device="cpu"
    )
    found = (theirs.y_hat[0, ..., 0] - theirs.y0[0, 0]).t()
    ours = saturation_mutagenesis(model, LETTERS[0], strands="none")
    torch.testing.assert_close(found.double(), torch.from_numpy(ours), atol=1e-4, rtol=1e-4)


def test_design_comes_nearer_to_what_is_asked_for(face: HNetOneHot) -> None:
    x, goal = one_hot(LETTERS[:1]), torch.tensor([[-1.0, 1.0]])
    made = tangermeme("design").greedy_substitution(
        face, x, y=goal, motifs=["TATAAT", "GGGCGG"], max_iter=2, device="cpu"
    )
    before, after = ((face(own.float()) - goal).square().mean().item() for own in (x, made))
    assert after < before
    assert made.shape == x.shape
    assert (made.sum(1) == 1).all()


def test_dependency_map_of_gradients(face: HNetOneHot) -> None:
    x = one_hot([own[:12] for own in LETTERS])
    found = tangermeme("dependency_map").dependency_map(face, x, device="cpu")
    assert found.shape == (2, 12, 12)
    assert found.abs().max() > 0


def test_deep_lift_runs_as_a_gradient_and_says_so(face: HNetOneHot) -> None:
    x = one_hot(LETTERS)
    given = x.clone().requires_grad_()
    gradient = torch.autograd.grad(face(given)[:, 1].sum(), given)[0]
    deep = tangermeme("deep_lift_shap").deep_lift_shap
    options: dict[str, Any] = {"target": 1, "device": "cpu", "references": torch.zeros_like(x)}
    options["references"] = options["references"].unsqueeze(1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = deep(face, x, hypothetical=False, **options)
    assert any("has no DeepLIFT rule" in str(own.message) for own in said)
    torch.testing.assert_close(found, gradient * x, atol=1e-5, rtol=1e-4)


def captum() -> Any:
    return pytest.importorskip("captum.attr", reason="needs captum")


def test_integrated_gradients_add_up_where_nothing_jumps() -> None:
    """Neither chunks nor a memory: what is left is smooth."""
    model = HNetForSequenceClassification.from_causal_lm(
        make("isotropic"), HeadConfig("single_label", ["no", "yes"], pooling="bases")
    ).eval()
    face, x = HNetOneHot(model, "scores"), one_hot(LETTERS)
    found, missing = (
        captum()
        .IntegratedGradients(face)
        .attribute(x, target=1, n_steps=60, return_convergence_delta=True)
    )
    gained = (face(x) - face(torch.zeros_like(x))).detach()[:, 1]
    torch.testing.assert_close(found.sum((1, 2)).float(), gained, atol=5e-3, rtol=0.02)
    assert float(missing.abs().max()) < 5e-3 + 0.02 * float(gained.abs().max())


@pytest.mark.parametrize("straight", [False, True])
def test_saliency_and_gradient_times_input(straight: bool) -> None:
    head = HeadConfig("single_label", ["no", "yes"])
    model = HNetForSequenceClassification.from_causal_lm(make("one stage", "memory"), head).eval()
    face = HNetOneHot(model, "scores", straight_through=straight)
    x = one_hot(LETTERS).requires_grad_()
    gradient = torch.autograd.grad(face(x)[:, 1].sum(), x)[0]
    attr = captum()
    saliency = attr.Saliency(face).attribute(x, target=1, abs=False)
    torch.testing.assert_close(saliency, gradient)
    torch.testing.assert_close(
        attr.InputXGradient(face).attribute(x, target=1), (gradient * x).detach()
    )
    assert attr.IntegratedGradients(face).attribute(x, target=1, n_steps=3).shape == x.shape


@pytest.mark.filterwarnings("ignore:Input Tensor", "ignore:Setting forward")
def test_captums_deep_lift_is_gradient_times_input(face: HNetOneHot) -> None:
    x = one_hot(LETTERS).requires_grad_()
    gradient = torch.autograd.grad(face(x)[:, 1].sum(), x)[0]
    found = captum().DeepLift(face).attribute(x, target=1)
    torch.testing.assert_close(found, (gradient * x).detach(), atol=1e-5, rtol=1e-4)


def test_occlusion_by_unknown_bases(face: HNetOneHot) -> None:
    x = one_hot(LETTERS)
    found = captum().Occlusion(face).attribute(x, sliding_window_shapes=(4, 1), target=1)
    for place in (0, 9, 27):
        hidden = one_hot([f"{own[:place]}N{own[place + 1 :]}" for own in LETTERS])
        lost = (face(x) - face(hidden))[:, 1].detach()
        torch.testing.assert_close(found[:, 0, place], lost, atol=1e-5, rtol=1e-4)


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captum()
    tangermeme("ablate")
    model = make("one stage", "memory")
    model.save_pretrained(tmp_path / "run")
    HNetForSequenceClassification.from_causal_lm(
        model, HeadConfig("single_label", ["no", "yes"])
    ).save_pretrained(tmp_path / "tuned")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S):
        exec(compile(block, "docs/one_hot.md", "exec"), names)
    assert names["x"].shape[1] == 4
    assert names["attributions"].shape == names["x"].shape
    assert np.isfinite(names["effects"].y_after.numpy()).all()
