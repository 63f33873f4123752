"""Which implementation each hot operation uses, and why.

Every operation has ``naive`` (the definition) and ``torch`` (plain PyTorch, any device and type).
The others are faster where they can be had; each says why it cannot. The first of ``PREFERRED``
that has no objection to a device and type is taken, once, for all calls with those. A user who
wants another one names it in HNET_SEQ_BACKEND (``torch`` for all operations, or
``ssd=torch,attention=naive``); one that cannot be had is then an error.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hnet_seq.ops.attention import flash_attn as _flash
from hnet_seq.ops.attention import grouped as _attention
from hnet_seq.ops.attention import naive as _attention_naive
from hnet_seq.ops.attention import varlen as _varlen
from hnet_seq.ops.causal_conv import causal_conv1d as _causal_conv1d
from hnet_seq.ops.causal_conv import naive as _conv_naive
from hnet_seq.ops.causal_conv import native as _conv_native
from hnet_seq.ops.causal_conv import shifted as _conv
from hnet_seq.ops.causal_conv import triton as _conv_triton
from hnet_seq.ops.mamba2 import inference as _mamba2_inference
from hnet_seq.ops.mamba2 import native as _mamba2_native
from hnet_seq.ops.mamba2 import training as _mamba2_training
from hnet_seq.ops.native import objection as _no_kernels
from hnet_seq.ops.neighbour_cosine import naive as _cosine_naive
from hnet_seq.ops.neighbour_cosine import native as _cosine_native
from hnet_seq.ops.norm import fused as _norm
from hnet_seq.ops.norm import naive as _norm_naive
from hnet_seq.ops.norm import native as _norm_native
from hnet_seq.ops.norm import triton as _norm_triton
from hnet_seq.ops.smoothing import blocked as _smooth
from hnet_seq.ops.smoothing import naive as _smooth_naive
from hnet_seq.ops.smoothing import native as _smooth_native
from hnet_seq.ops.smoothing import triton as _smooth_triton
from hnet_seq.ops.spread import embedded as _spread
from hnet_seq.ops.spread import naive as _spread_naive
from hnet_seq.ops.spread import native as _spread_native
from hnet_seq.ops.ssd import blocked as _ssd
from hnet_seq.ops.ssd import mamba_ssm as _mamba_ssm
from hnet_seq.ops.ssd import naive as _ssd_naive
from hnet_seq.ops.ssd import native as _ssd_native
from hnet_seq.ops.swiglu import naive as _swiglu_naive
from hnet_seq.ops.swiglu import native as _swiglu_native

Objection = Callable[[torch.device, torch.dtype], "str | None"]

VARIABLE = "HNET_SEQ_BACKEND"


def _none(device: torch.device, dtype: torch.dtype) -> str | None:
    return None


@dataclass(frozen=True)
class Implementation:
    """One way to compute an operation.

    Attributes:
        function: takes what the naive definition takes.
        objection: why it cannot be used for tensors of a device and type, with the remedy; None
            where it can.
    """

    function: Callable[..., Any]
    objection: Objection = _none


IMPLEMENTATIONS: dict[str, dict[str, Implementation]] = {
    "ssd": {
        "mamba_ssm": Implementation(_mamba_ssm.ssd, _mamba_ssm.objection),
        "native": Implementation(_ssd_native.ssd, _no_kernels),
        "torch": Implementation(_ssd.ssd),
        "naive": Implementation(_ssd_naive.ssd),
    },
    "causal_conv": {
        "causal_conv1d": Implementation(_causal_conv1d.causal_conv, _causal_conv1d.objection),
        "native": Implementation(_conv_native.causal_conv, _no_kernels),
        "triton": Implementation(_conv_triton.causal_conv, _conv_triton.objection),
        "torch": Implementation(_conv.causal_conv),
        "naive": Implementation(_conv_naive.causal_conv),
    },
    "attention": {
        "flash_attn": Implementation(_flash.attention, _flash.objection),
        "varlen": Implementation(_varlen.attention, _varlen.objection),
        "torch": Implementation(_attention.attention),
        "naive": Implementation(_attention_naive.attention),
    },
    "neighbour_cosine": {
        "native": Implementation(_cosine_native.neighbour_cosine, _no_kernels),
        "torch": Implementation(_cosine_naive.neighbour_cosine),
        "naive": Implementation(_cosine_naive.neighbour_cosine),
    },
    "spread": {
        "native": Implementation(_spread_native.spread, _no_kernels),
        "torch": Implementation(_spread.spread),
        "naive": Implementation(_spread_naive.spread),
    },
    "smooth": {
        "native": Implementation(_smooth_native.smooth, _no_kernels),
        "triton": Implementation(_smooth_triton.smooth, _smooth_triton.objection),
        "torch": Implementation(_smooth.smooth),
        "naive": Implementation(_smooth_naive.smooth),
    },
    "rms_norm": {
        "native": Implementation(_norm_native.rms_norm, _no_kernels),
        "triton": Implementation(_norm_triton.rms_norm, _norm_triton.objection),
        "torch": Implementation(_norm.rms_norm),
        "naive": Implementation(_norm_naive.rms_norm),
    },
    "gated_rms_norm": {
        "native": Implementation(_norm_native.gated_rms_norm, _no_kernels),
        "triton": Implementation(_norm_triton.gated_rms_norm, _norm_triton.objection),
        "torch": Implementation(_norm.gated_rms_norm),
        "naive": Implementation(_norm_naive.gated_rms_norm),
    },
    "swiglu": {
        "native": Implementation(_swiglu_native.swiglu, _no_kernels),
        "torch": Implementation(_swiglu_naive.swiglu),
        "naive": Implementation(_swiglu_naive.swiglu),
    },
}

# Several operations as one, or another form of one, where all of them would use the same backend.
FUSED: dict[str, tuple[tuple[str, ...], dict[str, Callable[..., Any]]]] = {
    "mamba2_mix": (("causal_conv", "ssd", "gated_rms_norm"), {"native": _mamba2_native.mix}),
    "mamba2_mixer": (
        ("causal_conv", "ssd", "gated_rms_norm"),
        {"native": _mamba2_inference.mixer},
    ),
    "mamba2_layer": (
        ("rms_norm", "causal_conv", "ssd", "gated_rms_norm"),
        {"native": _mamba2_training.layer},
    ),
    "ssd_segments": (("ssd",), {"native": _ssd_native.segments}),
}

# Fastest first; what an operation does not have is passed over.
PREFERRED = ("native", "mamba_ssm", "causal_conv1d", "flash_attn", "varlen", "triton", "torch")

# The public function imports the compiler at once, which takes a second of every start.
_uncompiled = getattr(torch, "_disable_dynamo", torch.compiler.disable)
_log = logging.getLogger(__name__)
_forced: dict[str, str] = {}
_taken: dict[tuple[str, torch.device, torch.dtype], Callable[..., Any]] = {}
_taken_fused: dict[tuple[str, torch.device, torch.dtype], Callable[..., Any] | None] = {}


def run(operation: str, *args: Any) -> Any:
    """Call the chosen implementation; the first argument's device and type decide.

    ``torch.compile`` leaves operations as they are and compiles what lies between: kernels that are
    called with pointers cannot be traced, and the choice is made anew at any time.
    """
    if torch.compiler.is_compiling():
        return _as_it_is(operation, *args)
    first: Tensor = args[0]
    key = (operation, first.device, first.dtype)
    function = _taken.get(key)
    if function is None:
        name, why = choose(operation, first.device, first.dtype)
        _log.info("%s of %s on %s: %s (%s)", operation, first.dtype, first.device, name, why)
        function = _taken[key] = IMPLEMENTATIONS[operation][name].function
    # An operation computes in the types that it says; autocast would round products inside it.
    if torch.is_autocast_enabled(first.device.type):
        with torch.autocast(first.device.type, enabled=False):
            return function(*args)
    return function(*args)


# Not `run` itself: saying so costs microseconds a call, also where nothing is compiled.
_as_it_is = _uncompiled(run)


def fused(operation: str, like: Tensor) -> Callable[..., Any] | None:
    """One implementation of several operations on such tensors, or None: do them one by one."""
    key = (operation, like.device, like.dtype)
    if key not in _taken_fused:
        parts, known = FUSED[operation]
        names = {choose(part, like.device, like.dtype)[0] for part in parts}
        _taken_fused[key] = known.get(names.pop()) if len(names) == 1 else None
    return _taken_fused[key]


def run_fused(operation: str, *args: Any) -> Any:
    """Call it, None where there is none; as :func:`run` does."""
    if torch.compiler.is_compiling():
        return _fused_as_it_is(operation, *args)
    function = fused(operation, args[0])
    return function(*args) if function else None


_fused_as_it_is = _uncompiled(run_fused)


def choose(operation: str, device: torch.device, dtype: torch.dtype) -> tuple[str, str]:
    """The implementation for tensors of a device and type, and the reason.

    Raises:
        ValueError: the one that was asked for does not exist or cannot be had.
    """
    known = IMPLEMENTATIONS[operation]
    asked = _forced.get(operation) or _from_environment(operation)
    if asked is not None:
        objection = known[asked].objection(device, dtype)
        if objection is not None:
            raise ValueError(f"{operation}: backend {asked!r} was asked for, but {objection}")
        return asked, "requested"
    passed: list[str] = []
    for name in PREFERRED:
        if name in known:
            objection = known[name].objection(device, dtype)
            if objection is None:
                return name, "; ".join(passed) or "fastest"
            passed.append(f"not {name}: {objection}")
    raise AssertionError(f"{operation} has no implementation that always works")


def choices(device: torch.device, dtype: torch.dtype = torch.float32) -> dict[str, tuple[str, str]]:
    """For each operation the implementation in use and the reason."""
    return {operation: choose(operation, device, dtype) for operation in IMPLEMENTATIONS}


@contextmanager
def backend(name: str, *operations: str) -> Iterator[None]:
    """Use one backend for the given operations (all by default) inside the block.

    Raises:
        ValueError: an operation has no such backend.
    """
    operations = operations or tuple(IMPLEMENTATIONS)
    for operation in operations:
        _check(operation, name)
    before = dict(_forced)
    _forced.update(dict.fromkeys(operations, name))
    _taken.clear()
    _taken_fused.clear()
    try:
        yield
    finally:
        _forced.clear()
        _forced.update(before)
        _taken.clear()
        _taken_fused.clear()


def _check(operation: str, name: str) -> None:
    if operation not in IMPLEMENTATIONS:
        raise ValueError(f"no operation {operation!r}; there are {', '.join(IMPLEMENTATIONS)}")
    if name not in IMPLEMENTATIONS[operation]:
        known = ", ".join(IMPLEMENTATIONS[operation])
        raise ValueError(f"{operation} has no backend {name!r}; available: {known}")


def _from_environment(operation: str) -> str | None:
    """What HNET_SEQ_BACKEND says of an operation.

    One name for all means all that have it; a name given to an operation must exist.
    """
    parts = [part.strip() for part in os.environ.get(VARIABLE, "").split(",") if part.strip()]
    named = dict(part.split("=", 1) for part in parts if "=" in part)
    for other, name in named.items():
        _check(other, name)
    if operation in named:
        return named[operation]
    for name in parts:
        if "=" in name:
            continue
        if not any(name in known for known in IMPLEMENTATIONS.values()):
            raise ValueError(f"{VARIABLE}: no operation has a backend {name!r}")
        if name in IMPLEMENTATIONS[operation]:
            return name
    return None
