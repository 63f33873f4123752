"""Kernels from optional packages: why one cannot be had, and the limits that they share."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing

INSTALL = "pip install 'hnet-seq[cuda]'"
HALF = (torch.float16, torch.bfloat16)
_AMPERE = (8, 0)  # compute capability: the first with bf16 tensor cores


def only_cuda(device: torch.device) -> str | None:
    """The objection of kernels for Nvidia GPUs since Ampere."""
    if device.type != "cuda":
        return f"for CUDA GPUs, and this is {device.type}"
    if torch.cuda.get_device_capability(device) < _AMPERE:
        return f"for Ampere GPUs or newer, and this is {torch.cuda.get_device_name(device)}"
    return None


def only_half(dtype: torch.dtype, why: str) -> str | None:
    """The objection of kernels that would round fp32."""
    if dtype in HALF:
        return None
    return f"for fp16 and bf16, and this is {str(dtype).removeprefix('torch.')}: {why}"


def floating(dtype: torch.dtype) -> str | None:
    """The objection of kernels that compute in fp32."""
    if dtype in (*HALF, torch.float32):
        return None
    return f"for fp16, bf16 and fp32, and this is {str(dtype).removeprefix('torch.')}"


def launching_on(x: Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current GPU: make it that of ``x``."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def load(module: str) -> Any:
    """Import; a package's warnings at its import are not this program's."""
    if (found := sys.modules.get(module)) is not None:
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(module)


@cache
def missing(module: str, package: str, loader: Callable[[str], Any] = load) -> str | None:
    """Why a module of an optional package cannot be imported, with the remedy; None where it can.

    Args:
        package: its name on the index of packages.
        loader: imports a module.
    """
    try:
        loader(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == module.split(".")[0]:
            return f"{package} is not installed; {INSTALL}"
        return f"{package} needs {error.name}, which is not installed; {INSTALL}"
    except Exception as error:
        # Built for another torch, driver or Python: whatever it is, other backends still work.
        reason = str(error).strip().splitlines() or [""]
        return f"{package} does not import ({type(error).__name__}: {reason[0]}); rebuild it"
    return None


def load_past_package(module: str) -> Any:
    """Import a module without running the ``__init__`` of its top-level package.

    Where that imports far more than the module needs: of ``mamba_ssm``, compiled kernels of another
    model and a text library, whose absence would keep a pure Triton scan from being used.
    """
    if (found := sys.modules.get(module)) is not None:
        return found
    top = module.split(".")[0]
    spec = None if top in sys.modules else importlib.util.find_spec(top)
    if spec is None:
        return load(module)
    bare = types.ModuleType(top)
    bare.__path__ = list(spec.submodule_search_locations or ())
    bare.__spec__ = spec
    sys.modules[top] = bare
    try:
        return load(module)
    finally:
        # A later import of the package by others is the ordinary one.
        if sys.modules.get(top) is bare:
            del sys.modules[top]


def pieces(packing: Packing, most: int, what: str) -> list[tuple[slice, Packing]]:
    """Cut a packed batch between sequences, so that no piece has more than ``most`` tokens.

    For kernels whose 32-bit offsets would wrap without a word.

    Raises:
        ValueError: one sequence is longer.
    """
    if packing.total <= most:
        return [(slice(0, packing.total), packing)]
    groups: list[list[int]] = [[]]
    for length in packing.lengths:
        if length > most:
            raise ValueError(
                f"{what}: a sequence of {length} tokens; its offsets fit up to {most} at this "
                "width. Use shorter sequences or another backend (HNET_SEQ_BACKEND)"
            )
        if sum(groups[-1]) + length > most:
            groups.append([])
        groups[-1].append(length)
    cut, start = [], 0
    for lengths in groups:
        piece = Packing.from_lengths(lengths, packing.device)
        cut.append((slice(start, start + piece.total), piece))
        start += piece.total
    return cut
