"""bf16 forward passes: what is rounded, what stays in fp32, and how far results move.

On a CPU too, where bf16 is slow but rounds as on a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hnet_seq import HNetForCausalLM
from hnet_seq.config import ExperimentConfig
from hnet_seq.model.boundary_policy import BoundaryPolicy, use_boundary_policy
from hnet_seq.model.chunking import Chunks
from hnet_seq.model.language_model import cross_entropy
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.model.router import Router
from hnet_seq.model.stack import Layer
from hnet_seq.ops import smooth
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.precision import computing_in
from modalities.errors import UsageError
from tests.conftest import make_model
from tests.train.runs import make_shards, tiny

CPU = torch.device("cpu")
CU_SEQLENS = torch.tensor([0, 1, 70, 200])
EVERY_THIRD = BoundaryPolicy("stride", every=3)


def _ids() -> Tensor:
    return torch.randint(0, 4, (200,), generator=torch.Generator().manual_seed(5))


def _outputs(model: HNetForCausalLM, kind: type) -> list[tuple[Tensor, Tensor]]:
    """Input and output of every module of a kind in a bf16 pass."""
    seen: list[tuple[Tensor, Tensor]] = []

    def note(_module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((inputs[0].detach(), output))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, kind)]
    with computing_in("bf16", CPU), torch.no_grad():
        model(_ids(), CU_SEQLENS)
    for hook in hooks:
        hook.remove()
    return seen


def test_the_mixers_compute_in_bf16_and_the_residual_stream_in_fp32(
    model: HNetForCausalLM,
) -> None:
    mixed = _outputs(model, Mamba2)
    assert mixed
    assert all(out.dtype == torch.bfloat16 for _, out in mixed)
    layers = _outputs(model, Layer)
    assert all(x.dtype == out.dtype == torch.float32 for x, out in layers)


def test_the_router_decides_as_in_fp32_to_the_last_bit() -> None:
    model = make_model("two stages, MLPs outside, tied")
    with computing_in("bf16", CPU), torch.no_grad():
        stages = model(_ids(), CU_SEQLENS).boundaries
    routers = [module for module in model.modules() if isinstance(module, Router)]
    seen = _outputs(model, Router)
    for router, (h, out), stage in zip(routers, seen, stages, strict=True):
        with torch.no_grad():
            expected, _ = router(h, Packing(stage.cu_seqlens))
        assert out[0].dtype == torch.float32
        assert torch.equal(out[0], expected)
        assert torch.equal(stage.boundary_prob, expected)


def test_the_smoothing_is_not_rounded() -> None:
    generator = torch.Generator().manual_seed(2)
    z, p = torch.randn(90, 8, generator=generator), torch.rand(90, generator=generator)
    packing = Packing.from_lengths([70, 20])
    with computing_in("bf16", CPU):
        out = smooth(z, p.clamp(1e-4, 1 - 1e-4), packing)
    assert out.dtype == torch.float32
    assert torch.equal(out, smooth(z, p.clamp(1e-4, 1 - 1e-4), packing))


def test_residuals_logits_and_loss_are_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model("one stage")
    spread: list[Tensor] = []
    upsample = Chunks.upsample

    def note(self: Chunks, z: Tensor, scale: Tensor) -> Tensor:
        spread.append(upsample(self, z, scale))
        return spread[-1]

    monkeypatch.setattr(Chunks, "upsample", note)
    projected = _outputs(model, type(model.backbone.residual_proj))
    residual = [y for x, y in projected if y.shape == x.shape and y.dtype == torch.float32]
    assert residual
    assert all(t.dtype == torch.float32 for t in spread)
    with computing_in("bf16", CPU):
        out = model(_ids(), CU_SEQLENS)
        loss = cross_entropy(out.logits, _ids().roll(-1))
    assert out.logits.dtype == out.hidden.dtype == loss.dtype == torch.float32
    assert torch.equal(out.logits, model.lm_head(out.hidden))


def _loss_and_gradients(model: HNetForCausalLM, precision: str) -> tuple[Tensor, Tensor, Tensor]:
    model.zero_grad()
    with computing_in(precision, CPU):
        logits = model(_ids(), CU_SEQLENS).logits
    loss = cross_entropy(logits, _ids().roll(-1)) / 200
    loss.backward()
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    assert all(gradient.dtype == torch.float32 for gradient in gradients)
    return logits.detach(), loss.detach(), torch.cat(gradients)


def test_values_and_gradients_move_by_the_rounding_of_bf16(model: HNetForCausalLM) -> None:
    # Boundaries by rule: a probability next to one half may fall on either side.
    with use_boundary_policy(model, [EVERY_THIRD] * model.num_stages):
        full = _loss_and_gradients(model, "fp32")
        half = _loss_and_gradients(model, "bf16")
    for got, want, most in zip(half, full, (2e-2, 5e-3, 3e-2), strict=True):
        error = (got - want).norm() / want.norm()
        assert 0 < error < most


def test_a_state_goes_on_in_bf16(tokens: Callable[[int], Tensor]) -> None:
    model = make_model("one stage")
    ids = tokens(90)
    with (
        torch.no_grad(),
        computing_in("bf16", CPU),
        use_boundary_policy(model, [EVERY_THIRD]),
    ):
        whole = model(ids).logits
        state = model.new_state(1)
        pieces = [model(piece, state=state).logits for piece in ids.split([40, 1, 49])]
    error = (torch.cat(pieces) - whole).norm() / whole.norm()
    assert error < 2e-2


def test_a_run_in_bf16_learns_as_in_fp32(tmp_path: Path) -> None:
    letters = torch.randint(0, 2, (6000,), generator=torch.Generator().manual_seed(4)).tolist()
    shards = make_shards(tmp_path, "".join("AC"[letter] for letter in letters))
    bits = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        config = tiny("ecoli_demo", shards, f"train.precision={precision}")
        assert pretrain(config, out, device="cpu")
        records = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
        bits[precision] = [r["bits_per_token"] for r in records if r["event"] == "validation"]
    assert bits["bf16"][-1] < bits["bf16"][0]
    assert bits["bf16"] != bits["fp32"]
    assert bits["bf16"] == pytest.approx(bits["fp32"], rel=2e-2)


def test_only_what_exists_can_be_asked_for() -> None:
    with pytest.raises(UsageError, match="is 'fp8'; expected fp32 or bf16"):
        computing_in("fp8", CPU)
    config = ExperimentConfig()
    config.model.arch_layout, config.model.d_model = ["m1"], [64]
    config.model.d_intermediate = [0]
    config.train.precision = "fp16"
    with pytest.raises(ValueError, match=r"train\.precision: 'fp16' is not fp32 or bf16"):
        config.validate()


def test_a_gpu_without_bf16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "a T4")
    with pytest.raises(UsageError, match="which a T4 does not have; use fp32"):
        computing_in("bf16", torch.device("cuda"))
