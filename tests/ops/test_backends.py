"""Every backend of every operation against its naive definition, in values and gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops import registry
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS, Implementation, backend, choices, choose

# Lengths around the block sizes, shorter than the convolution, and equal ones to be grouped.
LENGTHS = [1, 2, 64, 3, 200, 63, 65, 200, 1]


def _ssd(r: Callable[..., Tensor], T: int) -> tuple[list[Tensor], list[object]]:
    H, P, N = 3, 64, 16
    dt = F.softplus(r(T, H) - 2)
    return [r(T, H, P), dt, -r(H).exp() - 1, r(T, N), r(T, N), r(H)], []


def _conv(r: Callable[..., Tensor], T: int) -> tuple[list[Tensor], list[object]]:
    return [r(T, 24), r(24, 4), r(24)], []


def _attention(window: int) -> Callable[..., tuple[list[Tensor], list[object]]]:
    return lambda r, T: ([r(T, 2, 16) for _ in range(3)], [window])


def _smooth(r: Callable[..., Tensor], T: int) -> tuple[list[Tensor], list[object]]:
    return [r(T, 12), torch.sigmoid(3 * r(T)).clamp(1e-4, 1 - 1e-4)], []


CASES = {
    "ssd": ("ssd", _ssd),
    "causal_conv": ("causal_conv", _conv),
    "global attention": ("attention", _attention(-1)),
    "window 0": ("attention", _attention(0)),
    "window 5": ("attention", _attention(5)),
    "window 100": ("attention", _attention(100)),
    "smooth": ("smooth", _smooth),
}


def _run(
    operation: str,
    name: str,
    inputs: list[Tensor],
    extra: list[object],
    packing: Packing,
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    leaves = [x.detach().to(dtype).requires_grad_() for x in inputs]
    out = IMPLEMENTATIONS[operation][name].function(*leaves, packing, *extra)
    generator = torch.Generator().manual_seed(9)
    weight = torch.randn(out.shape, generator=generator).to(out)
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)]


@pytest.mark.parametrize("case", CASES)
def test_fast_backends_agree_with_the_definition(case: str, device: str) -> None:
    operation, make = CASES[case]
    generator = torch.Generator().manual_seed(3)
    packing = Packing.from_lengths(LENGTHS, device)
    inputs, extra = make(lambda *s: torch.randn(*s, generator=generator), packing.total)
    inputs = [x.to(device) for x in inputs]
    expected = _run(operation, "naive", inputs, extra, packing)
    for name in sorted(set(IMPLEMENTATIONS[operation]) - {"naive"}):
        if IMPLEMENTATIONS[operation][name].objection(torch.device(device), torch.float32):
            continue
        for got, want in zip(_run(operation, name, inputs, extra, packing), expected, strict=True):
            error = (got - want).norm() / want.norm().clamp(min=1)
            assert error < 2e-5, f"{case}, {name}: relative error {error:.1e}"


@pytest.mark.parametrize("operation", ["rms_norm", "gated_rms_norm"])
def test_norms_agree_with_the_formula(operation: str) -> None:
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn(700, 24, generator=generator) for _ in range(1 + ("gated" in operation))]
    inputs.append(torch.rand(24, generator=generator))
    results = []
    for implementation in IMPLEMENTATIONS[operation].values():
        if implementation.objection(torch.device("cpu"), torch.float32):
            continue
        leaves = [x.clone().requires_grad_() for x in inputs]
        out = implementation.function(*leaves, 1e-5)
        results.append([out.detach(), *torch.autograd.grad((out**3).sum(), leaves)])
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_smoothing_survives_probabilities_at_their_clamp() -> None:
    # 64 blocks of decays of 1e-4 underflow even fp64, unless kept as logarithms.
    packing = Packing.from_lengths([9000])
    z = torch.randn(packing.total, 4, generator=torch.Generator().manual_seed(0))
    p = torch.full((packing.total,), 1 - 1e-4)
    got = IMPLEMENTATIONS["smooth"]["torch"].function(z, p, packing)
    torch.testing.assert_close(got, IMPLEMENTATIONS["smooth"]["naive"].function(z, p, packing))


def test_strong_decay_keeps_the_scan_finite() -> None:
    packing = Packing.from_lengths([300])
    x, B, C = (torch.randn(300, *s) for s in ((1, 64), (16,), (16,)))
    dt, A, D = torch.full((300, 1), 50.0), torch.tensor([-16.0]), torch.ones(1)
    assert IMPLEMENTATIONS["ssd"]["torch"].function(x, dt, A, B, C, D, packing).isfinite().all()


def test_scan_does_not_read_uninitialised_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    packing = Packing.from_lengths(LENGTHS)
    poisoned = Tensor.new_empty

    def new_empty(self: Tensor, *size: object, **kwargs: object) -> Tensor:
        return poisoned(self, *size, **kwargs).fill_(float("nan"))  # type: ignore[call-overload]

    monkeypatch.setattr(Tensor, "new_empty", new_empty)
    for case in ("ssd", "causal_conv", "smooth"):
        operation, make = CASES[case]
        inputs, extra = make(lambda *s: torch.randn(*s, generator=generator), packing.total)
        for result in _run(operation, "torch", inputs, extra, packing):
            assert result.isfinite().all(), case


CPU, FP32 = torch.device("cpu"), torch.float32


def test_backend_is_chosen_inside_the_block_only_and_must_exist() -> None:
    before = choices(CPU)["ssd"]
    with backend("naive", "ssd"):
        assert choices(CPU)["ssd"] == ("naive", "requested")
    assert choices(CPU)["ssd"] == before
    with pytest.raises(ValueError, match="no backend 'abacus'"), backend("abacus", "ssd"):
        pass


def test_the_environment_names_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HNET_SEQ_BACKEND", "torch, attention=naive")
    assert choices(CPU)["ssd"] == ("torch", "requested")
    assert choices(CPU)["attention"] == ("naive", "requested")
    for value, message in (
        ("abacus", "no operation has a backend 'abacus'"),
        ("ssd=abacus", "ssd has no backend 'abacus'; available:"),
        ("abacus=torch", "no operation 'abacus'"),
    ):
        monkeypatch.setenv("HNET_SEQ_BACKEND", value)
        with pytest.raises(ValueError, match=message):
            choose("ssd", CPU, FP32)


def test_a_backend_that_was_asked_for_and_cannot_be_had_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = Implementation(IMPLEMENTATIONS["ssd"]["torch"].function, lambda *_: "it rains; wait")
    monkeypatch.setitem(IMPLEMENTATIONS["ssd"], "sundial", never)
    monkeypatch.setattr(registry, "PREFERRED", ("sundial", "torch"))
    assert choose("ssd", CPU, FP32) == ("torch", "not sundial: it rains; wait")
    with backend("sundial", "ssd"), pytest.raises(ValueError, match="it rains; wait"):
        choose("ssd", CPU, FP32)
