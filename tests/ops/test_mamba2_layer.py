"""A norm and a mixer in one kernel: values, gradients, and how little is kept for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.model.config import SSMConfig
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.model.norm import EPS, RMSNorm
from hnet_seq.ops import backend, mamba2_layer, mamba2_mix
from hnet_seq.ops.native import why_not
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS

pytestmark = pytest.mark.skipif(why_not() is not None, reason=f"{why_not()}")

# Shorter than the convolution, around a block, many in one block, and past a state that is kept.
LENGTHS = {
    "ragged": [1, 2, 3, 64, 65, 129, 63, 1, 1],
    "short": [1, 2, 1, 3] * 20,
    "one token": [1],
    "a block and one": [65],
    "past a kept state": [1000, 23, 1, 110, 2],
}
SHAPES = [(32, 16, 4, 2), (48, 32, 2, 3), (64, 16, 8, 2), (32, 16, 1, 4), (32, 48, 3, 1)]


def mixer(width: int = 32, state: int = 16, taps: int = 4) -> tuple[Mamba2, RMSNorm]:
    torch.manual_seed(width + state + taps)
    made, first = Mamba2(width, SSMConfig(d_state=state, d_conv=taps)), RMSNorm(width)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=parameter.shape[-1] ** -0.5)
        made.dt_bias.uniform_(-4, 0)
        made.A_log.uniform_(0, 2)
        for weight in (made.D, made.norm.weight, first.weight):
            weight.normal_()
    return made, first


def naive(operation: str, *args: object) -> Tensor:
    out = IMPLEMENTATIONS[operation]["naive"].function(*args)
    assert isinstance(out, Tensor)
    return out


def leaves(width: int, state: int, taps: int, heads: int, tokens: int) -> list[Tensor]:
    """All that :func:`mamba2_layer` takes, in its order."""
    generator = torch.Generator().manual_seed(tokens + state)

    def r(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    inner = 2 * width
    channels = inner + 2 * state
    weights = [r(channels, taps) / 2, r(channels), r(heads) - 2, -r(heads).exp() - 0.1]
    in_weight = r(inner + channels + heads, width) / width**0.5
    # Not far from the norm's own scale: a mean square near eps would make any rounding large.
    x = r(tokens, width)
    return [x, r(width), in_weight, *weights, r(heads), r(inner), r(width, inner) / inner**0.5]


def defined(given: list[Tensor], packing: Packing) -> Tensor:
    x, first, in_weight, taps, bias, dt_bias, A, D, norm, out_weight = given
    inner, heads = norm.shape[0], A.shape[0]
    state = (taps.shape[0] - inner) // 2
    projected = naive("rms_norm", x, first, EPS) @ in_weight.t()
    z, xBC, dt = projected.split([inner, inner + 2 * state, heads], dim=1)
    mixed = naive("causal_conv", xBC, taps, bias, packing).split([inner, state, state], dim=1)
    step = F.softplus(dt + dt_bias)
    y = naive("ssd", mixed[0].unflatten(1, (heads, -1)), step, A, *mixed[1:], D, packing)
    return naive("gated_rms_norm", y.flatten(1), z, norm, EPS) @ out_weight.t()


def at_once(given: list[Tensor], packing: Packing) -> Tensor:
    x, first, in_weight, taps, bias, dt_bias, A, D, norm, out_weight = given
    weights = (first, in_weight, taps, bias, dt_bias, A, D, norm, out_weight)
    out = mamba2_layer(x, *weights, EPS, packing)
    assert out is not None
    return out


def between(tokens: int) -> list[Tensor]:
    """All that :func:`mamba2_mix` takes, in its order."""
    _, _, _, *weights, _ = leaves(32, 16, 4, 2, tokens)
    columns = 2 * 64 + 2 * 16 + 2
    return [torch.randn(tokens, columns, generator=torch.Generator().manual_seed(1)), *weights]


def mixed(given: list[Tensor], packing: Packing) -> Tensor:
    projected, taps, bias, dt_bias, A, D, norm = given
    out = mamba2_mix(projected, taps, bias, dt_bias, A, D, norm, EPS, packing)
    assert out is not None
    return out


def results(
    function: Callable[[list[Tensor], Packing], Tensor], given: list[Tensor], packing: Packing
) -> list[Tensor]:
    wanted = [x.detach().clone().requires_grad_() for x in given]
    out = function(wanted, packing)
    weight = torch.arange(out.numel()).view(out.shape).to(out.dtype).sin()
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), wanted)]


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that is not written is NaN."""
    new_empty = Tensor.new_empty

    def nan(self: Tensor, *size: object) -> Tensor:
        return new_empty(self, *size).fill_(float("nan"))  # type: ignore[call-overload]

    monkeypatch.setattr(Tensor, "new_empty", nan)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=list(LENGTHS))
@pytest.mark.parametrize(("width", "state", "taps", "heads"), SHAPES)
def test_values_and_gradients_are_those_of_the_definition_in_fp64(
    lengths: list[int], width: int, state: int, taps: int, heads: int
) -> None:
    if sum(lengths) > 1000 and (width, state) != (32, 16):
        pytest.skip("a long loop; one shape will do")
    packing = Packing.from_lengths(lengths)
    given = leaves(width, state, taps, heads, packing.total)
    expected = results(defined, [x.double() for x in given], packing)
    for got, want in zip(results(at_once, given, packing), expected, strict=True):
        assert got.shape == want.shape
        assert (got - want).norm() < 3e-5 * want.norm().clamp(min=1)


def test_the_same_bits_on_any_number_of_threads() -> None:
    packing = Packing.from_lengths([700, 1, 1500, 64])
    given, inputs = leaves(32, 16, 4, 2, packing.total), between(packing.total)
    before, whole, parts = torch.get_num_threads(), [], []
    try:
        # Beyond four, more blocks are done side by side than have a state kept.
        for threads in (1, 3, 7):
            torch.set_num_threads(threads)
            whole.append(results(at_once, given, packing))
            parts.append(results(mixed, inputs, packing))
    finally:
        torch.set_num_threads(before)
    for other in whole[1:]:
        # The products of whole matrices are the library's, which adds as it likes.
        for own, want in zip(other, whole[0], strict=True):
            torch.testing.assert_close(own, want, rtol=1e-5, atol=1e-4)
        assert torch.equal(other[0], whole[0][0])
    for other in parts[1:]:
        assert all(torch.equal(own, want) for own, want in zip(other, parts[0], strict=True))


def test_no_token_at_all() -> None:
    packing = Packing(torch.zeros(1, dtype=torch.int32), 0)
    out, *gradients = results(at_once, leaves(32, 16, 4, 2, 0), packing)
    assert out.shape == (0, 32)
    assert not any(gradient.any() for gradient in gradients)
    _, *gradients = results(mixed, between(0), packing)
    assert not any(gradient.any() for gradient in gradients)


def kept(module: nn.Module, packs: list[Tensor]) -> int:
    """Bytes."""
    own = {p.untyped_storage().data_ptr() for p in module.parameters()}
    found = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in packs}
    return sum(size for place, size in found.items() if place not in own)


def test_what_is_kept_is_the_input_and_the_projection() -> None:
    made, first = mixer()
    x, packing = torch.randn(1024, 32, requires_grad=True), Packing.from_lengths([1000, 24])
    packs: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        packs.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = made.after_norm(x, first, packing)
    assert out is not None
    projected = made.in_proj.out_features
    assert kept(made, packs) < 1.05 * 4 * 1024 * (32 + projected)


def test_it_stands_back_where_more_is_asked_for() -> None:
    x, packing = torch.randn(100, 32), Packing.from_lengths([100])

    def found(made: Mamba2, first: RMSNorm) -> Tensor | None:
        return made.after_norm(x, first, packing)

    assert found(*mixer()) is not None
    with torch.no_grad():
        assert found(*mixer()) is None
    with torch.autocast("cpu", torch.bfloat16):
        assert found(*mixer()) is None
    for operation in ("ssd", "rms_norm"):
        with backend("torch", operation):
            assert found(*mixer()) is None
    assert found(*mixer(state=8)) is None
    assert found(*mixer(taps=9)) is None
    made, first = mixer()
    for module in (made, first, made.in_proj, made.out_proj):
        handle = module.register_forward_hook(lambda *_: None)
        assert found(made, first) is None
        handle.remove()
    assert found(made, first) is not None


def test_weights_that_do_not_learn_get_no_gradient_and_change_no_other() -> None:
    made, first = mixer()
    x, packing = torch.randn(90, 32), Packing.from_lengths([90])
    gradients: list[dict[str, Tensor]] = []
    for frozen in ((), ("in_proj.weight", "out_proj.weight", "D")):
        for name, parameter in made.named_parameters():
            parameter.requires_grad_(name not in frozen)
            parameter.grad = None
        out = made.after_norm(x, first, packing)
        assert out is not None
        out.square().sum().backward()
        found = {n: p.grad.clone() for n, p in made.named_parameters() if p.grad is not None}
        assert not set(found) & set(frozen)
        gradients.append(found)
    for name, own in gradients[1].items():
        assert torch.equal(own, gradients[0][name])


def test_a_gradient_that_is_one_number_for_all_is_not_written_over() -> None:
    packing = Packing.from_lengths([70, 3])
    given = between(packing.total)
    projected = given[0].requires_grad_()
    out = mixed(given, packing)
    (expanded,) = torch.autograd.grad(out.sum(), projected, retain_graph=True)
    pulled = torch.ones_like(out)
    (whole,) = torch.autograd.grad(out, projected, pulled)
    assert torch.equal(expanded, whole)
    assert torch.equal(pulled, torch.ones_like(out))
