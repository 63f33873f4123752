"""Every backend of every operation against its naive definition, in values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops import causal_conv, gated_rms_norm, mamba2_mix, registry, ssd, swiglu
from hnet_seq.ops.native import why_not
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS, Implementation, backend, choices, choose

CPU, FP32 = torch.device("cpu"), torch.float32

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
    results = {}
    for name, implementation in IMPLEMENTATIONS[operation].items():
        if implementation.objection(torch.device("cpu"), torch.float32):
            continue
        leaves = [x.clone().requires_grad_() for x in inputs]
        out = implementation.function(*leaves, 1e-5)
        results[name] = [out.detach(), *torch.autograd.grad((out**3).sum(), leaves)]
    expected = results.pop("naive")
    for name, result in results.items():
        for got, want in zip(result, expected, strict=True):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4, msg=name)


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


def _mixer(T: int) -> list[Tensor]:
    """Inputs of mamba2_mix, three heads of 64 and a state of 16."""
    generator = torch.Generator().manual_seed(8)
    H, inner, N = 3, 192, 16
    channels = inner + 2 * N

    def r(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    weights = [r(channels, 4), r(channels), r(H), -r(H).exp() - 1, r(H), r(inner)]
    return [r(T, inner + channels + H), *weights]


def _mixed(inputs: list[Tensor], packing: Packing) -> Tensor | None:
    projected, taps, bias, dt_bias, A, D, norm = inputs
    return mamba2_mix(projected, taps, bias, dt_bias, A, D, norm, 1e-5, packing)


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_the_mixer_at_once_is_its_three_operations_one_by_one() -> None:
    packing = Packing.from_lengths(LENGTHS)
    inputs = _mixer(packing.total)
    results = []
    for at_once in (True, False):
        leaves = [x.clone().requires_grad_() for x in inputs]
        projected, taps, bias, dt_bias, A, D, norm = leaves
        if at_once:
            out = _mixed(leaves, packing)
            assert out is not None
        else:
            with backend("naive"):
                assert _mixed(leaves, packing) is None
                z, xBC, dt = projected.split([192, 224, 3], dim=1)
                x, B, C = causal_conv(xBC, taps, bias, packing).split([192, 16, 16], dim=1)
                step = F.softplus(dt + dt_bias)
                y = ssd(x.unflatten(1, (3, 64)), step, A, B, C, D, packing)
                out = gated_rms_norm(y.flatten(1), z, norm, 1e-5)
        weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
        results.append([out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)])
    for got, want in zip(*results, strict=True):
        assert (got - want).norm() < 2e-5 * want.norm().clamp(min=1)


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_kernels_give_the_same_bits_on_any_number_of_threads() -> None:
    packing = Packing.from_lengths(LENGTHS)
    inputs = _mixer(packing.total)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            leaves = [x.clone().requires_grad_() for x in inputs]
            out = _mixed(leaves, packing)
            assert out is not None
            results.append([out.detach(), *torch.autograd.grad(out.square().sum(), leaves)])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize("channels", [1, 7, 24, 40])
def test_kernels_take_widths_that_fill_no_vector(channels: int) -> None:
    packing = Packing.from_lengths([5, 1, 300])
    generator = torch.Generator().manual_seed(channels)
    x, gate = torch.randn(2, packing.total, channels, generator=generator)
    taps, bias = torch.randn(channels, 3, generator=generator), torch.ones(channels)
    both = torch.randn(packing.total, 2 * channels, generator=generator)
    results = []
    for name in ("native", "naive"):
        with backend(name, "causal_conv", "gated_rms_norm", "swiglu"):
            convolved = causal_conv(x, taps, bias, packing)
            results.append([convolved, gated_rms_norm(x, gate, bias, 1e-5), swiglu(both)])
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [7, 24, 130])
def test_what_lies_between_two_resolutions_agrees_with_the_definition(width: int) -> None:
    generator = torch.Generator().manual_seed(width)
    q, k, z = (torch.randn(n, width, generator=generator) for n in (300, 300, 60))
    others = torch.randperm(299, generator=generator)[:59] + 1
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), others.sort().values])
    scale = torch.rand(300, generator=generator)
    for operation, inputs in (("neighbour_cosine", [q, k]), ("spread", [z, starts, scale])):
        results = {}
        for name, implementation in IMPLEMENTATIONS[operation].items():
            if implementation.objection(CPU, FP32) is not None:
                continue
            leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
            out = implementation.function(*leaves)
            weight = torch.arange(out.numel()).view(out.shape).sin()
            wanted = [leaf for leaf in leaves if leaf.requires_grad]
            results[name] = [out.detach(), *torch.autograd.grad((out * weight).sum(), wanted)]
        expected = results.pop("naive")
        assert results
        for name, result in results.items():
            for got, want in zip(result, expected, strict=True):
                torch.testing.assert_close(got, want, msg=partial("{}: {}".format, name))


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_what_is_not_finite_stays_so_in_the_kernels() -> None:
    packing = Packing.from_lengths([70, 70])
    inputs = _mixer(140)
    inputs[0][75, 200] = float("nan")
    out = _mixed(inputs, packing)
    assert out is not None
    assert out[:64].isfinite().all()  # the block before; in its own, zero times NaN is NaN
    assert out[75:].isnan().all()
