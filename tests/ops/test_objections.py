"""Why a backend is not taken: the device, the type, a package that is missing or broken."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from hnet_seq.ops import optional
from hnet_seq.ops.attention import varlen
from hnet_seq.ops.causal_conv import causal_conv1d
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS, backend, choose

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
FP32, BF16 = torch.float32, torch.bfloat16
PACKAGES = [
    ("ssd", "mamba_ssm", "mamba_ssm.ops.triton.ssd_combined", "mamba-ssm"),
    ("causal_conv", "causal_conv1d", "causal_conv1d", "causal-conv1d"),
    ("attention", "flash_attn", "flash_attn", "flash-attn"),
]


@pytest.fixture
def hopper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that says it has a GPU of compute capability 9.0."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "an H100")
    _forget()
    yield
    _forget()


def _forget() -> None:
    optional.missing.cache_clear()
    varlen._missing.cache_clear()


def _without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """None among the modules makes an import fail as if it were not installed."""
    top = package.split(".")[0]
    for name in [name for name in sys.modules if name.split(".")[0] == top]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, top, None)


def _with(monkeypatch: pytest.MonkeyPatch, module: str, **contents: object) -> None:
    """A module made of ``contents``, in packages that are made where there are none."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        if parts[0] == "torch" and depth < len(parts):
            continue
        made = types.ModuleType(".".join(parts[:depth]))
        made.__path__ = []
        monkeypatch.setitem(sys.modules, made.__name__, made)
    vars(sys.modules[module]).update(contents)


def _why(operation: str, name: str, device: torch.device, dtype: torch.dtype) -> str | None:
    return IMPLEMENTATIONS[operation][name].objection(device, dtype)


@pytest.mark.parametrize(("operation", "name", "module", "package"), PACKAGES)
def test_a_missing_package_names_the_line_that_installs_it(
    operation: str,
    name: str,
    module: str,
    package: str,
    hopper: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _without(monkeypatch, module)
    expected = f"{package} is not installed; pip install 'hnet-seq[cuda]'"
    assert _why(operation, name, CUDA, BF16) == expected
    with backend(name, operation), pytest.raises(ValueError, match="was asked for, but"):
        choose(operation, CUDA, BF16)


@pytest.mark.parametrize(("operation", "name", "module", "package"), PACKAGES)
def test_a_package_that_is_there_is_used_on_a_gpu_only(
    operation: str,
    name: str,
    module: str,
    package: str,
    hopper: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _with(monkeypatch, module)
    assert _why(operation, name, CUDA, BF16) is None
    assert choose(operation, CUDA, BF16)[0] == name
    assert _why(operation, name, CPU, BF16) == "for CUDA GPUs, and this is cpu"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    assert "Ampere" in str(_why(operation, name, CUDA, BF16))


def test_fp32_is_not_rounded_behind_the_users_back(
    hopper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _, _, module, _ in PACKAGES:
        _with(monkeypatch, module)
    for operation, name in (("ssd", "mamba_ssm"), ("attention", "flash_attn")):
        assert "and this is float32" in str(_why(operation, name, CUDA, FP32))
        assert choose(operation, CUDA, FP32)[0] not in ("mamba_ssm", "flash_attn", "varlen")
    assert "and this is float32" in str(_why("attention", "varlen", CUDA, FP32))
    # A convolution of four taps has no products to round.
    assert _why("causal_conv", "causal_conv1d", CUDA, FP32) is None
    assert "and this is float64" in str(_why("causal_conv", "causal_conv1d", CUDA, torch.float64))


def test_a_broken_package_is_an_objection_and_no_crash(
    hopper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> object:
        raise ImportError(f"{name}.so: undefined symbol: _ZN3c10")

    monkeypatch.setattr(optional.importlib, "import_module", broken)
    why = _why("attention", "flash_attn", CUDA, BF16)
    assert why is not None
    assert "does not import (ImportError: flash_attn.so: undefined symbol" in why


def test_the_scan_is_found_though_its_package_does_not_import(
    tmp_path_factory: pytest.TempPathFactory, hopper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a CUDA toolchain mamba-ssm lacks Mamba-1's kernels, which its __init__ imports."""
    folder = tmp_path_factory.mktemp("site")
    inner = folder / "mamba_ssm" / "ops" / "triton"
    inner.mkdir(parents=True)
    (folder / "mamba_ssm" / "__init__.py").write_text("import no_such_compiled_module\n")
    for package in (inner.parent, inner):
        (package / "__init__.py").touch()
    (inner / "ssd_combined.py").write_text("mamba_chunk_scan_combined = 'the scan'\n")
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    try:
        assert _why("ssd", "mamba_ssm", CUDA, BF16) is None
        found = optional.load_past_package("mamba_ssm.ops.triton.ssd_combined")
        assert found.mamba_chunk_scan_combined == "the scan"
        with pytest.raises(ModuleNotFoundError, match="no_such_compiled_module"):
            optional.load("mamba_ssm")
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


def _varlen_attn_of_2_10(
    query: Tensor, key: Tensor, value: Tensor, is_causal: bool = False
) -> None: ...


def test_torch_without_windows_in_its_attention_says_what_is_needed(
    hopper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with(monkeypatch, "torch.nn.attention.varlen", varlen_attn=_varlen_attn_of_2_10)
    assert "it needs torch 2.11 or newer" in str(_why("attention", "varlen", CUDA, BF16))


def _reference(q: Tensor, k: Tensor, v: Tensor, packing: Packing, *rest: object) -> Tensor:
    return IMPLEMENTATIONS["attention"]["naive"].function(q, k, v, packing, *rest)


@pytest.mark.parametrize("name", ["flash_attn", "varlen"])
@pytest.mark.parametrize(
    ("window", "causal", "sides"),
    [(-1, True, (-1, 0)), (5, True, (5, 0)), (-1, False, (-1, -1)), (5, False, (5, 5))],
)
def test_attention_asks_for_the_window_that_the_definition_has(
    name: str,
    window: int,
    causal: bool,
    sides: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packing = Packing.from_lengths([9, 1, 20])
    q, k, v = torch.randn(3, 30, 2, 12, generator=torch.Generator().manual_seed(0))
    asked: dict[str, object] = {}

    def kernel(q: Tensor, k: Tensor, v: Tensor, *bounds: object, **options: object) -> Tensor:
        asked.update(options, bounds=bounds)
        scale = float(options.get("scale", 12**-0.5))  # type: ignore[arg-type]
        return _reference(q * (scale * q.shape[-1] ** 0.5), k, v, packing, window, causal)

    module, function = {
        "flash_attn": ("flash_attn", "flash_attn_varlen_func"),
        "varlen": ("torch.nn.attention.varlen", "varlen_attn"),
    }[name]
    _with(monkeypatch, module, **{function: kernel})
    out = IMPLEMENTATIONS["attention"][name].function(q, k, v, packing, window, causal)
    assert asked["window_size"] == sides
    bounds = asked["bounds"]
    assert isinstance(bounds, tuple)
    assert bounds[0].dtype == bounds[1].dtype == torch.int32
    assert bounds[2:] == (20, 20)
    torch.testing.assert_close(out, _reference(q, k, v, packing, window, causal))


def _convolution(packing: Packing) -> Callable[..., Tensor]:
    """What causal-conv1d computes, with its demands on the layout."""

    def convolve(
        x: Tensor, weight: Tensor, bias: Tensor, seq_idx: Tensor, activation: str
    ) -> Tensor:
        assert x.stride(1) == 1
        assert x.shape[1] % 8 == 0
        assert x.stride(2) % 8 == 0
        assert seq_idx.dtype == torch.int32
        assert seq_idx.shape == (1, x.shape[2])
        assert activation == "silu"
        lengths = seq_idx[0].unique_consecutive(return_counts=True)[1].tolist()
        own = Packing.from_lengths(lengths)
        y = IMPLEMENTATIONS["causal_conv"]["naive"].function(x[0].t(), weight, bias, own)
        return y.t().unsqueeze(0)

    return convolve


@pytest.mark.parametrize("channels", [24, 21])
@pytest.mark.parametrize("most", [10**6, 12])
def test_the_convolution_gets_channels_in_eights_and_pieces_that_fit(
    channels: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    packing = Packing.from_lengths([3, 9, 1, 12, 2])
    generator = torch.Generator().manual_seed(0)
    # A slice of something wider, as the mixer hands it over.
    x = torch.randn(27, channels + 5, generator=generator)[:, 3 : 3 + channels]
    weight, bias = torch.randn(channels, 4), torch.randn(channels)
    _with(monkeypatch, "causal_conv1d", causal_conv1d_fn=_convolution(packing))
    monkeypatch.setattr(causal_conv1d, "_LARGEST_OFFSET", most * 24)
    out = IMPLEMENTATIONS["causal_conv"]["causal_conv1d"].function(x, weight, bias, packing)
    expected = IMPLEMENTATIONS["causal_conv"]["naive"].function(x, weight, bias, packing)
    torch.testing.assert_close(out, expected)


def test_a_number_of_taps_that_the_kernel_lacks_is_an_error_with_a_remedy() -> None:
    packing = Packing.from_lengths([3])
    with pytest.raises(ValueError, match=r"2 to 4 taps; got 5\. Set HNET_SEQ_BACKEND"):
        causal_conv1d.causal_conv(torch.zeros(3, 8), torch.zeros(8, 5), torch.zeros(8), packing)


def test_pieces_hold_whole_sequences_and_nothing_is_lost() -> None:
    packing = Packing.from_lengths([4, 4, 1, 7, 3, 3, 1])
    cut = optional.pieces(packing, 8, "a kernel")
    assert [piece.lengths for _, piece in cut] == [[4, 4], [1, 7], [3, 3, 1]]
    assert [(tokens.start, tokens.stop) for tokens, _ in cut] == [(0, 8), (8, 16), (16, 23)]
    with pytest.raises(ValueError, match=r"a kernel: a sequence of 7 tokens; .* up to 6"):
        optional.pieces(packing, 6, "a kernel")


def test_the_scan_hands_the_kernel_sequences_and_fp32_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packing = Packing.from_lengths([5, 2, 9])
    r = torch.Generator().manual_seed(0)
    x, dt, B, C = (torch.randn(16, *s, generator=r) for s in ((2, 64), (2,), (8,), (8,)))
    dt, A, D = dt.abs(), -torch.rand(2) - 0.1, torch.ones(2)
    seen: dict[str, torch.dtype] = {}

    def scan(
        x: Tensor,
        dt: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        *,
        chunk_size: int,
        D: Tensor,
        seq_idx: Tensor,
    ) -> Tensor:
        assert chunk_size & (chunk_size - 1) == 0
        assert B.shape == C.shape == (1, 16, 1, 8)
        assert seq_idx.is_contiguous()
        seen.update(x=x.dtype, B=B.dtype, dt=dt.dtype, A=A.dtype, D=D.dtype, index=seq_idx.dtype)
        lengths = seq_idx[0].unique_consecutive(return_counts=True)[1].tolist()
        naive = IMPLEMENTATIONS["ssd"]["naive"].function
        y = naive(
            x[0].float(),
            dt[0],
            A,
            B[0, :, 0].float(),
            C[0, :, 0].float(),
            D,
            Packing.from_lengths(lengths),
        )
        return y.to(x.dtype).unsqueeze(0)

    _with(monkeypatch, "mamba_ssm.ops.triton.ssd_combined", mamba_chunk_scan_combined=scan)
    half = [t.bfloat16() for t in (x, B, C)]
    out = IMPLEMENTATIONS["ssd"]["mamba_ssm"].function(half[0], dt, A, half[1], half[2], D, packing)
    assert out.dtype == BF16
    assert seen == {"x": BF16, "B": BF16, "dt": FP32, "A": FP32, "D": FP32, "index": torch.int32}
    expected = IMPLEMENTATIONS["ssd"]["naive"].function(x, dt, A, B, C, D, packing)
    error = (out.float() - expected).norm() / expected.norm()
    assert error < 2e-2
