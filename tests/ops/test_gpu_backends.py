"""Every backend that a GPU has against the definition, in values and gradients, fp32 and bf16."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS, backend
from tests.conftest import make_model

pytestmark = pytest.mark.gpu

# Around the kernels' blocks of 64, 128 and 256 tokens, shorter than the convolution, and ragged.
LENGTHS = [1, 2, 64, 3, 200, 63, 65, 129, 300, 1]
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 1.5e-2}

Inputs = tuple[list[Tensor], list[object]]


def _ssd(r: Callable[..., Tensor], T: int) -> Inputs:
    H, P, N = 3, 64, 128  # the state of the models, for which kernels are compiled anyway
    dt = F.softplus(r(T, H) - 2)
    return [r(T, H, P), dt, -r(H).exp() - 1, r(T, N), r(T, N), r(H)], []


def _conv(channels: int) -> Callable[..., Inputs]:
    return lambda r, T: ([r(T, channels), r(channels, 4), r(channels)], [])


def _attention(window: int, causal: bool = True, width: int = 32) -> Callable[..., Inputs]:
    return lambda r, T: ([r(T, 2, width) for _ in range(3)], [window, causal])


def _smooth(r: Callable[..., Tensor], T: int) -> Inputs:
    return [r(T, 72), torch.sigmoid(3 * r(T)).clamp(1e-4, 1 - 1e-4)], []


def _norm(inputs: int) -> Callable[..., Inputs]:
    return lambda r, T: ([*(r(T, 200) for _ in range(inputs)), r(200)], [])


CASES: dict[str, tuple[str, Callable[..., Inputs]]] = {
    "ssd": ("ssd", _ssd),
    "causal_conv": ("causal_conv", _conv(24)),
    "causal_conv, channels not in eights": ("causal_conv", _conv(21)),
    "global attention": ("attention", _attention(-1)),
    "window 0": ("attention", _attention(0)),
    "window 5": ("attention", _attention(5)),
    "window 100": ("attention", _attention(100)),
    "window 1000": ("attention", _attention(1000)),
    "heads of 20": ("attention", _attention(5, width=20)),
    "both sides": ("attention", _attention(-1, causal=False)),
    "both sides, window 5": ("attention", _attention(5, causal=False)),
    "smooth": ("smooth", _smooth),
    "rms_norm": ("rms_norm", _norm(1)),
    "gated_rms_norm": ("gated_rms_norm", _norm(2)),
}
# What stays in fp32 under bf16 training, by place among the inputs.
WIDE = {"ssd": {1, 2, 5}, "causal_conv": {1, 2}, "smooth": {0, 1}, "rms_norm": {0, 1}}


def _run(
    operation: str, name: str, leaves: list[Tensor], extra: list[object], packing: Packing
) -> list[Tensor]:
    leaves = [x.detach().clone().requires_grad_() for x in leaves]
    arguments = [1e-5] if "norm" in operation else [packing, *extra]
    out = IMPLEMENTATIONS[operation][name].function(*leaves, *arguments)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(out)
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: str(dtype).split(".")[1])
@pytest.mark.parametrize("case", CASES)
def test_every_backend_agrees_with_the_definition(case: str, dtype: torch.dtype) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    operation, make = CASES[case]
    generator = torch.Generator().manual_seed(3)
    packing = Packing.from_lengths(LENGTHS, "cuda")
    inputs, extra = make(lambda *s: torch.randn(*s, generator=generator), packing.total)
    wide = WIDE.get(operation, {2} if operation == "gated_rms_norm" else set())
    leaves = [x.cuda() if place in wide else x.cuda().to(dtype) for place, x in enumerate(inputs)]
    # The definition in fp32 on the rounded inputs: what is compared is the arithmetic.
    expected = _run(operation, "naive", [x.float() for x in leaves], extra, packing)
    tried = []
    for name, implementation in IMPLEMENTATIONS[operation].items():
        if name == "naive" or implementation.objection(torch.device("cuda"), leaves[0].dtype):
            continue
        tried.append(name)
        for place, (got, want) in enumerate(
            zip(_run(operation, name, leaves, extra, packing), expected, strict=True)
        ):
            error = (got.float() - want).norm() / want.norm().clamp(min=1)
            assert error < TOLERANCE[dtype], f"{case}, {name}, {place}: relative error {error:.1e}"
    assert "torch" in tried


@pytest.mark.parametrize("operation", ["ssd", "causal_conv"])
def test_a_batch_cut_for_32_bit_offsets_gives_what_the_whole_gives(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"ssd": "mamba_ssm", "causal_conv": "causal_conv1d"}[operation]
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    if reason := IMPLEMENTATIONS[operation][name].objection(torch.device("cuda"), torch.bfloat16):
        pytest.skip(reason)
    import hnet_seq.ops.causal_conv.causal_conv1d as conv
    import hnet_seq.ops.ssd.mamba_ssm as scan

    generator = torch.Generator().manual_seed(3)
    packing = Packing.from_lengths(LENGTHS, "cuda")
    make = CASES[operation][1]
    inputs, extra = make(lambda *s: torch.randn(*s, generator=generator), packing.total)
    leaves = [
        x.cuda() if place in WIDE[operation] else x.cuda().bfloat16()
        for place, x in enumerate(inputs)
    ]
    whole = _run(operation, name, leaves, extra, packing)
    rows = {"ssd": 3 * 64, "causal_conv": 24}[operation]
    monkeypatch.setattr(scan, "_LARGEST_OFFSET", rows * (400 + scan.CHUNK))
    monkeypatch.setattr(conv, "_LARGEST_OFFSET", rows * 400)
    for got, want in zip(_run(operation, name, leaves, extra, packing), whole, strict=True):
        torch.testing.assert_close(got, want, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("layout", ["isotropic", "one stage", "two stages, MLPs outside, tied"])
def test_a_model_in_bf16_stays_near_fp32(layout: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = make_model(layout).cuda()
    ids = torch.randint(0, 4, (600,), generator=torch.Generator().manual_seed(1)).cuda()
    cu_seqlens = torch.tensor([0, 1, 200, 600]).cuda()
    with backend("torch"):
        want = model(ids, cu_seqlens)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        got = model(ids, cu_seqlens)
    for one, other in zip(got.boundaries[:1], want.boundaries[:1], strict=True):
        difference = (one.boundary_prob - other.boundary_prob).abs()
        assert difference.mean() < 1e-2
    masks = zip(got.boundaries, want.boundaries, strict=True)
    if all(torch.equal(one.boundary_mask, other.boundary_mask) for one, other in masks):
        error = (got.logits - want.logits).norm() / want.logits.norm()
        assert error < 5e-2
