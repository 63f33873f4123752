"""Compile our Triton kernels for an H100, which needs no GPU: what they ask for exists there.

Run by ``test_triton.py`` in a process of its own.
"""

from __future__ import annotations

from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from hnet_seq.ops.causal_conv import triton_kernels as conv
from hnet_seq.ops.norm import triton_kernels as norm
from hnet_seq.ops.smoothing import triton_kernels as smoothing

HOPPER = GPUTarget("cuda", 90, 32)
TILE = {"ROWS": 64, "COLUMNS": 64}
FP32 = {"p_ptr", "y_ptr", "dy_ptr", "dp_ptr", "weight_ptr", "bias_ptr", "du_ptr", "d_taps_ptr"}
KERNELS: list[tuple[Any, dict[str, Any], set[str]]] = [
    (smoothing.forward, {"ROWS": 64, "COLUMNS": 32}, FP32 | {"z_ptr"}),
    (smoothing.backward, {"ROWS": 64, "COLUMNS": 32}, FP32 | {"z_ptr", "dz_ptr"}),
    (conv.forward, TILE | {"TAPS": 4}, FP32),
    (conv.backward_linear, TILE | {"TAPS": 4}, FP32 - {"dy_ptr"}),
    (conv.backward_input, TILE | {"TAPS": 4}, FP32),
    (norm.forward, {"GATED": True, "COLUMNS": 4096}, FP32),
    (norm.forward, {"GATED": False, "COLUMNS": 1024}, FP32 | {"x_ptr", "gate_ptr", "out_ptr"}),
    (norm.backward, {"GATED": True, "COLUMNS": 4096}, {"weight_ptr", "d_weight_ptr"}),
    (norm.backward, {"GATED": False, "COLUMNS": 1024}, FP32 | {"x_ptr", "gate_ptr", "dx_ptr"}),
]


def signature(kernel: Any, constants: dict[str, Any], fp32: set[str]) -> dict[str, str]:
    """The types of a kernel's arguments: pointers to bf16 but for those named."""
    types = {}
    for name in kernel.arg_names:
        if name in constants:
            types[name] = "constexpr"
        elif name in ("bounds_ptr", "ids_ptr"):
            types[name] = "*i32"
        elif name.endswith("_ptr"):
            types[name] = "*fp32" if name in fp32 else "*bf16"
        else:
            types[name] = "fp32" if name == "eps" else "i32"
    return types


def main() -> None:
    for kernel, constants, fp32 in KERNELS:
        source = ASTSource(kernel, signature(kernel, constants, fp32), constexprs=constants)
        compiled = triton.compile(source, target=HOPPER)
        shared = compiled.metadata.shared
        print(f"{kernel.__module__}.{kernel.__name__}: {shared} bytes of shared memory")
        assert compiled.asm["cubin"]
        assert shared < 2**17


if __name__ == "__main__":
    main()
