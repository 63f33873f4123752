"""Kernels for CPUs: one pass over memory where PyTorch needs several.

Plain C++ with the compiler's vectors and PyTorch's own OpenMP threads, called with pointers.
Values are fp32. Results do not depend on the number of threads.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from hnet_seq.ops.native.build import library, why_not

_TYPES = (torch.float32, torch.int32, torch.int64, torch.uint8)


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used for tensors of a device and type; None where they can."""
    if device.type != "cpu":
        return "its kernels are for CPUs"
    if dtype is not torch.float32:
        return f"its kernels are for float32, not {str(dtype).removeprefix('torch.')}"
    return why_not()


def call(name: str, *args: Any) -> None:
    """Call a kernel; the number of threads is added.

    Args:
        args: tensors (their memory is passed; rows must be contiguous), integers and floats; None
            for memory that is not there.
    """
    getattr(library(), name)(*map(_argument, args), ctypes.c_int(torch.get_num_threads()))


def rows(x: Tensor) -> tuple[Tensor, int]:
    """x (T, ...) with contiguous rows, and how far apart they lie: a copy only where needed."""
    inner = 1
    for size, stride in zip(reversed(x.shape[1:]), reversed(x.stride()[1:]), strict=True):
        if size > 1 and stride != inner:
            x = x.contiguous()
            break
        inner *= size
    return x, x.stride(0)


def _argument(value: Any) -> Any:
    if isinstance(value, Tensor):
        # A kernel would read anything else as if it were these.
        assert value.is_cpu, value.device
        assert value.dtype in _TYPES, value.dtype
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, float):
        return ctypes.c_float(value)
    if value is None:
        return ctypes.c_void_p()
    return ctypes.c_int64(value)
