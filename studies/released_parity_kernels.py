"""CUDA kernels of mamba-ssm, causal-conv1d and flash-attn on a CPU; of studies/released_parity.py.

Each is the reference definition that its own repository publishes beside the kernel, taken from the
source where that was fetched and called under the kernel's name. What is written here only passes
arguments on; nothing of their code is copied.
"""

from __future__ import annotations

import ast
import importlib.machinery
import math
import sys
import types
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def install(mamba: Path, conv: Path, flash: Path) -> None:
    """Make ``mamba_ssm``, ``causal_conv1d`` and ``flash_attn`` importable without CUDA or Triton.

    Args:
        mamba, conv, flash: working trees of the three repositories.
    """
    _causal_conv1d(conv)
    _mamba_ssm(mamba)
    _flash_attn(flash)


def from_source(path: Path, *names: str, **known: Any) -> dict[str, Any]:
    """Functions and classes of a file, without the rest of it, which may need what is not there."""
    import einops

    tree = ast.parse(path.read_text(), str(path))
    kept = [node for node in tree.body if getattr(node, "name", None) in names]
    assert {node.name for node in kept if hasattr(node, "name")} == set(names), (path, names)
    space: dict[str, Any] = {
        **{"torch": torch, "F": F, "math": math},
        **{name: getattr(einops, name) for name in ("rearrange", "repeat")},
        **known,
    }
    module = ast.Module([ast.parse("from __future__ import annotations").body[0], *kept], [])
    exec(compile(module, str(path), "exec"), space)
    return space


def without_asserts(module: types.ModuleType, *names: str) -> None:
    """Let classes of a module take what their assertions refuse: tensors of fp32, on a CPU."""
    assert module.__file__ is not None
    source = Path(module.__file__).read_text()
    space = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(source, module.__file__, "exec", optimize=1), space)
    for name in names:
        own: Any = space[name]
        getattr(module, name).forward = own.forward


def _module(name: str, path: Path | None = None, **contents: Any) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    # transformers asks for the specification of what it finds installed.
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=path is not None)
    if path is not None:
        module.__path__ = [str(path)]
    sys.modules[name] = module


def _causal_conv1d(tree: Path) -> None:
    own = from_source(
        tree / "causal_conv1d/causal_conv1d_interface.py",
        *("causal_conv1d_ref", "causal_conv1d_update_ref"),
    )

    def causal_conv1d_fn(x: Tensor, *args: Any, seq_idx: Any = None, **options: Any) -> Any:
        if seq_idx is None:
            return own["causal_conv1d_ref"](x, *args, **options)
        pieces = [own["causal_conv1d_ref"](x[..., s], *args, **options) for s in _pieces(seq_idx)]
        return torch.cat(pieces, dim=-1)

    _module(
        "causal_conv1d",
        tree / "causal_conv1d",
        causal_conv1d_fn=causal_conv1d_fn,
        causal_conv1d_update=own["causal_conv1d_update_ref"],
    )
    _module("causal_conv1d.causal_conv1d_varlen", causal_conv1d_varlen_states=None)


def _mamba_ssm(tree: Path) -> None:
    package = tree / "mamba_ssm"
    _module("mamba_ssm", package)  # without its __init__, which imports every kernel
    for part in ("ops", "ops/triton", "modules", "distributed"):
        _module(f"mamba_ssm.{part.replace('/', '.')}", package / part)
    scan = from_source(package / "ops/selective_scan_interface.py", "selective_scan_ref")
    _module("mamba_ssm.ops.selective_scan_interface", selective_scan_fn=scan["selective_scan_ref"])
    norm = from_source(package / "ops/triton/layernorm_gated.py", "rms_norm_ref", "RMSNorm")

    def rmsnorm_fn(x: Tensor, weight: Tensor, bias: Tensor | None, **options: Any) -> Tensor:
        return norm["rms_norm_ref"](x, weight, bias, **options)

    norm["rmsnorm_fn"] = rmsnorm_fn
    _module("mamba_ssm.ops.triton.layernorm_gated", RMSNorm=norm["RMSNorm"])
    step = from_source(
        package / "ops/triton/selective_state_update.py", "selective_state_update_ref"
    )
    _module(
        "mamba_ssm.ops.triton.selective_state_update",
        selective_state_update=step["selective_state_update_ref"],
    )
    combined = from_source(
        package / "ops/triton/ssd_combined.py",
        *("ssd_selective_scan", "mamba_split_conv1d_scan_ref"),
        causal_conv1d_fn=sys.modules["causal_conv1d"].causal_conv1d_fn,
        rmsnorm_fn=rmsnorm_fn,
    )

    # The references know one sequence in a row: each piece of a packed row is a row of its own.
    def mamba_chunk_scan_combined(
        *args: Any, chunk_size: int, seq_idx: Any = None, return_final_states: bool = False,
        cu_seqlens: Any = None, return_varlen_states: bool = False, **options: Any
    ) -> Any:  # fmt: skip
        assert cu_seqlens is None
        assert not return_varlen_states
        x, dt, A, B, C = args
        if return_final_states:
            assert seq_idx is None
            return _scan_with_state(combined, x, dt, A, B, C, **options)
        pieces = [slice(None)] if seq_idx is None else _pieces(seq_idx)
        return torch.cat(
            [
                combined["ssd_selective_scan"](x[:, s], dt[:, s], A, B[:, s], C[:, s], **options)
                for s in pieces
            ],
            dim=1,
        )

    def mamba_split_conv1d_scan_combined(zxbcdt: Tensor, *args: Any, **options: Any) -> Tensor:
        seq_idx = options.pop("seq_idx", None)
        pieces = [slice(None)] if seq_idx is None else _pieces(seq_idx)
        run = combined["mamba_split_conv1d_scan_ref"]
        return torch.cat([run(zxbcdt[:, s], *args, **options) for s in pieces], dim=1)

    _module(
        "mamba_ssm.ops.triton.ssd_combined",
        mamba_chunk_scan_combined=mamba_chunk_scan_combined,
        mamba_split_conv1d_scan_combined=mamba_split_conv1d_scan_combined,
    )
    _module(
        "mamba_ssm.distributed.tensor_parallel", ColumnParallelLinear=None, RowParallelLinear=None
    )
    _module("mamba_ssm.distributed.distributed_utils", all_reduce=None, reduce_scatter=None)


def _scan_with_state(
    combined: dict[str, Any], x: Tensor, dt: Tensor, *args: Any, **options: Any
) -> Any:
    """The scan, and the state after its last position, through ``selective_scan_ref``."""
    interface = sys.modules["mamba_ssm.ops.selective_scan_interface"]
    whole, kept = interface.selective_scan_fn, []

    def keep(*inputs: Any, **how: Any) -> Tensor:
        out, state = whole(*inputs, return_last_state=True, **how)
        kept.append(state)
        return out

    interface.selective_scan_fn = keep  # type: ignore[attr-defined]
    try:
        y = combined["ssd_selective_scan"](x, dt, *args, **options)
    finally:
        interface.selective_scan_fn = whole  # type: ignore[attr-defined]
    heads, head_dim = x.shape[2:]
    return y, kept[0].unflatten(1, (heads, head_dim))


def _pieces(seq_idx: Tensor) -> list[slice]:
    """The sequences that one row holds."""
    assert seq_idx.shape[0] == 1
    bounds = [0, *((seq_idx[0].diff() != 0).nonzero()[:, 0] + 1).tolist(), seq_idx.shape[1]]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _flash_attn(tree: Path) -> None:
    package = tree / "flash_attn"
    reference = from_source(
        tree / "tests/test_flash_attn.py",
        *("construct_local_mask", "attention_ref"),
    )

    def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool, window_size: Any) -> Tensor:
        return reference["attention_ref"](q, k, v, causal=causal, window_size=window_size)[0]

    def qkvpacked(
        qkv: Tensor, softmax_scale: None = None, causal: bool = False, window_size: Any = (-1, -1)
    ) -> Tensor:
        assert softmax_scale is None
        q, k, v = qkv.unbind(2)
        return attend(q, k, v, causal, window_size)

    def varlen_qkvpacked(qkv: Tensor, cu_seqlens: Tensor, _: int, **options: Any) -> Tensor:
        return torch.cat([qkvpacked(own[None], **options)[0] for own in _split(qkv, cu_seqlens)])

    def kvpacked(
        q: Tensor, kv: Tensor, softmax_scale: None = None, causal: bool = False,
        window_size: Any = (-1, -1),
    ) -> Tensor:  # fmt: skip
        assert softmax_scale is None
        k, v = kv.unbind(2)
        return attend(q, k, v, causal, window_size)

    def with_kvcache(
        q: Tensor, k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, *,
        rotary_cos: Tensor, rotary_sin: Tensor, cache_seqlens: int, softmax_scale: None,
        causal: bool, rotary_interleaved: bool, window_size: Any,
    ) -> Tensor:  # fmt: skip
        assert softmax_scale is None
        end = cache_seqlens + q.shape[1]
        for x in (q, k):
            apply_rotary(
                x, rotary_cos, rotary_sin, cache_seqlens, interleaved=rotary_interleaved,
                inplace=True,
            )  # fmt: skip
        k_cache[:, cache_seqlens:end], v_cache[:, cache_seqlens:end] = k, v
        return attend(q, k_cache[:, :end], v_cache[:, :end], causal, window_size)

    _module(
        "flash_attn",
        package,
        flash_attn_qkvpacked_func=qkvpacked,
        flash_attn_varlen_qkvpacked_func=varlen_qkvpacked,
        flash_attn_kvpacked_func=kvpacked,
        flash_attn_varlen_kvpacked_func=lambda *_: NotImplemented,  # only that it is there
        flash_attn_with_kvcache=with_kvcache,
    )
    for part in ("ops", "ops/triton", "utils"):
        _module(f"flash_attn.{part.replace('/', '.')}", package / part)
    _module("flash_attn.utils.generation", GenerationMixin=object)

    def apply_rotary(
        x: Tensor, cos: Tensor, sin: Tensor, seqlen_offsets: int = 0, cu_seqlens: Any = None,
        interleaved: bool = False, inplace: bool = False, **longest: Any,
    ) -> Tensor:  # fmt: skip
        assert set(longest) <= {"max_seqlen"}
        rows = [x] if cu_seqlens is None else [own[None] for own in _split(x, cu_seqlens)]
        turned = [
            _rotary(tree)(
                own, *(a[seqlen_offsets:][: own.shape[1]] for a in (cos, sin)), interleaved
            )
            for own in rows
        ]
        y = turned[0] if cu_seqlens is None else torch.cat(turned, dim=1)[0]
        return x.copy_(y) if inplace else y

    _module("flash_attn.ops.triton.rotary", apply_rotary=apply_rotary)
    norm = from_source(package / "ops/triton/layer_norm.py", "rms_norm_ref", "RMSNorm")

    def rms_norm_fn(x: Tensor, weight: Tensor, bias: None, **options: Any) -> Any:
        options.pop("residual_in_fp32")  # all is fp32 here
        return norm["rms_norm_ref"](x, weight, bias, upcast=True, **options)

    norm["rms_norm_fn"] = rms_norm_fn
    _module("flash_attn.ops.triton.layer_norm", RMSNorm=norm["RMSNorm"])
    # Its definition is a line of C++ beside the kernel: x * y / (1 + exp(-x)).
    _module("flash_attn.ops.activations", swiglu=lambda x, y: F.silu(x) * y)


def _rotary(tree: Path) -> Any:
    """``apply_rotary_emb_torch``, the reference of flash-attn's tests of its rotary kernel."""
    return from_source(
        tree / "flash_attn/layers/rotary.py", "rotate_half", "apply_rotary_emb_torch"
    )["apply_rotary_emb_torch"]


def _split(x: Tensor, cu_seqlens: Tensor) -> list[Tensor]:
    return list(x.split(cu_seqlens.diff().tolist()))
