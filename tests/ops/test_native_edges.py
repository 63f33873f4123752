"""The CPU kernels at the edges: odd shapes, strides, numbers beyond a range, other threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.native import why_not
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS
from hnet_seq.ops.ssd.native import segments

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

Random = Callable[..., Tensor]


def _random(seed: int) -> Random:
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator)


def _native(operation: str, *inputs: object) -> Tensor:
    out = IMPLEMENTATIONS[operation]["native"].function(*inputs)
    assert isinstance(out, Tensor)
    return out


def _results(operation: str, name: str, inputs: list[Tensor], *extra: object) -> list[Tensor]:
    """Value and gradients, those of a gradient that differs everywhere and of an expanded one."""
    leaves = [x.detach().clone() for x in inputs]
    wanted = [x.requires_grad_() for x in leaves if x.is_floating_point()]
    out = IMPLEMENTATIONS[operation][name].function(*leaves, *extra)
    pulled = (out * torch.arange(out.numel()).view(out.shape).cos()).sum()
    gradients = torch.autograd.grad(pulled, wanted, retain_graph=True)
    return [out.detach(), *gradients, *torch.autograd.grad(out.sum(), wanted)]


def _assert_as_defined(
    operation: str, inputs: list[Tensor], *extra: object, definition: str = "naive"
) -> None:
    got = _results(operation, "native", inputs, *extra)
    for one, want in zip(got, _results(operation, definition, inputs, *extra), strict=True):
        assert one.shape == want.shape
        error = (one.double() - want).norm() / want.double().norm().clamp(min=1)
        assert error < 5e-5, f"{operation} {[*inputs[0].shape]}: relative error {error:.1e}"


def _scan(r: Random, T: int, H: int, P: int, N: int) -> list[Tensor]:
    return [r(T, H, P), F.softplus(r(T, H) - 2), -r(H).exp() - 0.1, r(T, N), r(T, N), r(H)]


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that is not written is NaN."""
    new_empty = Tensor.new_empty

    def nan(self: Tensor, *size: object) -> Tensor:
        return new_empty(self, *size).fill_(float("nan"))  # type: ignore[call-overload]

    monkeypatch.setattr(Tensor, "new_empty", nan)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(
    "lengths", [[1], [63], [64], [65], [1, 1, 1], [63, 1], [64, 1], [64, 64], [63, 2, 63]], ids=str
)
def test_any_lengths_agree_with_the_definition(lengths: list[int]) -> None:
    r, packing = _random(len(lengths)), Packing.from_lengths(lengths)
    T = packing.total
    # Plain PyTorch, itself tested, is the faster definition.
    for H, P, N in ((1, 16, 32), (2, 48, 16), (1, 32, 80)):
        _assert_as_defined("ssd", _scan(r, T, H, P, N), packing, definition="torch")
    for channels, taps in ((1, 1), (17, 2), (70, 8), (5, 9)):
        inputs = [r(T, channels), r(channels, taps), r(channels)]
        _assert_as_defined("causal_conv", inputs, packing, definition="torch")
    for width in (2, 17, 70):
        p = torch.sigmoid(r(T)).clamp(1e-4, 1 - 1e-4)
        _assert_as_defined("smooth", [r(T, width), p], packing)
        _assert_as_defined("rms_norm", [r(T, width), r(width)], 1e-5)
        _assert_as_defined("gated_rms_norm", [r(T, width), r(T, width), r(width)], 1e-5)
        _assert_as_defined("swiglu", [r(T, 2 * width)])
        _assert_as_defined("neighbour_cosine", [r(T, width), r(T, width)])
        for chunks in {1, T // 2 + 1, T}:
            starts = torch.arange(chunks)
            _assert_as_defined("spread", [r(chunks, width), starts, r(T)])


@pytest.mark.parametrize(("P", "N"), [(16, 128), (64, 256), (128, 16)])
def test_state_and_head_widths_are_free_of_each_other(P: int, N: int) -> None:
    packing = Packing.from_lengths([100, 30])
    _assert_as_defined("ssd", _scan(_random(N), 130, 2, P, N), packing, definition="torch")


def test_no_token_has_no_neighbour() -> None:
    q = torch.zeros(0, 8, requires_grad=True)
    cosine = _native("neighbour_cosine", q, q)
    assert cosine.shape == (0,)
    cosine.sum().backward()
    assert q.grad is not None
    assert q.grad.shape == (0, 8)


def test_inputs_lie_as_they_like() -> None:
    r, packing = _random(4), Packing.from_lengths([3, 70, 20])
    T = packing.total

    def one(*shape: int) -> Tensor:
        return torch.full([1] * len(shape), 0.5).expand(shape)

    def apart(*shape: int) -> Tensor:
        return r(*shape[:-1], 2 * shape[-1])[..., ::2]

    def turned(*shape: int) -> Tensor:
        return r(*reversed(shape)).permute(*range(len(shape))[::-1])

    for make in (one, apart, turned):
        x = make(T, 40)
        p = make(T).abs().clamp(0.1, 0.9)
        starts = torch.arange(0, T, 2)
        step = make(T, 3).abs()
        cases: list[tuple[str, tuple[object, ...]]] = [
            (
                "ssd",
                (make(T, 3, 16), step, -make(3).abs(), make(T, 16), r(T, 16), make(3), packing),
            ),
            ("causal_conv", (x, make(40, 4), make(40), packing)),
            ("smooth", (x, p, packing)),
            ("rms_norm", (x, make(40), 1e-5)),
            ("gated_rms_norm", (x, make(T, 40), make(40), 1e-5)),
            ("swiglu", (x,)),
            ("neighbour_cosine", (x, make(T, 40))),
            ("spread", (make(len(starts), 40), starts, make(T))),
        ]
        for operation, inputs in cases:
            want = IMPLEMENTATIONS[operation]["naive"].function(*inputs)
            torch.testing.assert_close(_native(operation, *inputs), want, rtol=1e-4, atol=1e-4)
    z, starts, scale = r(47, 8), torch.arange(T, dtype=torch.int32)[::2], r(T)
    assert torch.equal(
        _native("spread", z, starts, scale), _native("spread", z, starts.long(), scale)
    )


def test_strong_decays_of_one_sequence_cost_the_next_no_digits() -> None:
    r = _random(6)
    inputs = _scan(r, 60, 1, 16, 16)
    alone = [x[40:] if x.shape[0] == 60 else x for x in inputs]
    inputs[1][:40] = 1e6
    together = _native("ssd", *inputs, Packing.from_lengths([40, 20]))
    torch.testing.assert_close(
        together[40:], IMPLEMENTATIONS["ssd"]["naive"].function(*alone, Packing.from_lengths([20]))
    )


@pytest.mark.parametrize(("dt", "A"), [(50.0, -16.0), (1e30, -5.0), (0.0, -1.0), (1.0, 0.0)])
def test_extreme_decays_agree_with_the_definition(dt: float, A: float) -> None:
    r, packing = _random(7), Packing.from_lengths([30, 70])
    x, _, _, B, C, D = _scan(r, 100, 2, 16, 16)
    inputs = [x, torch.full((100, 2), dt), torch.full((2,), A), B, C, D]
    _assert_as_defined("ssd", inputs, packing)


def test_a_state_that_decayed_is_zero_not_nearly() -> None:
    # Numbers below the normal range make every product with them slow on some processors.
    x, B = torch.zeros(70, 1, 16), torch.ones(70, 16)
    packing, entering = Packing.from_lengths([70]), torch.ones(1, 16, 1, 16)
    dt, A, D = torch.full((70, 1), 2.0), -torch.ones(1), torch.zeros(1)
    _, leaving = segments(x, dt, A, B, B, D, packing, entering)
    assert leaving.count_nonzero() == 0


def test_gates_far_out_are_shut_or_open() -> None:
    gate = torch.tensor([-1e38, -200.0, -100.0, -88.0, 88.0, 100.0, 1e38, float("nan")])
    out = _native("swiglu", torch.cat([torch.ones(8), gate]).unsqueeze(0))[0]
    torch.testing.assert_close(out, F.silu(gate), equal_nan=True)


def test_the_default_type_does_not_matter() -> None:
    r = _random(9)
    x, weight, inputs = r(5, 24), r(24), _scan(r, 5, 1, 16, 16)
    want = _native("rms_norm", x, weight, 1e-5)
    torch.set_default_dtype(torch.float64)
    try:
        got = _native("rms_norm", x, weight, 1e-5)
        scanned = _native("ssd", *inputs, Packing.from_lengths([5])).dtype
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(got, want)
    assert scanned == torch.float32


def test_what_a_kernel_would_misread_is_refused() -> None:
    packing = Packing.from_lengths([4])
    with pytest.raises(AssertionError, match="float64"):
        _native("smooth", torch.ones(4, 8, dtype=torch.float64), torch.ones(4), packing)
    with pytest.raises(ValueError, match="too many values"):
        _native("rms_norm", torch.ones(2, 3, 8), torch.ones(8), 1e-5)


def test_several_threads_of_python_call_them_side_by_side() -> None:
    packing = Packing.from_lengths([150])
    inputs = _scan(_random(11), 150, 2, 16, 16)
    want = _results("ssd", "native", inputs, packing)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: _results("ssd", "native", inputs, packing), range(12)):
            assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
