"""Our Triton kernels against the definitions, on a CPU by Triton's interpreter.

Run by ``test_triton.py`` in a process of its own: the interpreter is chosen when Triton is
imported.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.causal_conv import naive as conv_naive
from hnet_seq.ops.causal_conv import triton as conv
from hnet_seq.ops.norm import naive as norm_naive
from hnet_seq.ops.norm import triton as norm
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.smoothing import naive as smoothing_naive
from hnet_seq.ops.smoothing import triton as smoothing

# More than one tile of 64 chunks, exactly one, single ones.
PACKING = Packing.from_lengths([1, 64, 3, 65, 1])
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
GENERATOR = torch.Generator().manual_seed(0)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def compare(name: str, fast: object, naive: object, inputs: list[Tensor], *extra: object) -> None:
    """Values and gradients of both; the definition in fp32 on the same rounded inputs."""
    results = []
    weight = None
    for function, wide in ((fast, False), (naive, True)):
        leaves = [(x.float() if wide else x).clone().requires_grad_() for x in inputs]
        out = function(*leaves, *extra)  # type: ignore[operator]
        weight = random(*out.shape) if weight is None else weight
        loss = (out * weight.to(out.dtype)).sum()
        results.append([out.detach(), *torch.autograd.grad(loss, leaves)])
    tolerance = TOLERANCE[min((x.dtype for x in inputs), key=lambda dtype: dtype.itemsize)]
    for place, (got, want) in enumerate(zip(*results, strict=True)):
        assert place == 0 or got.dtype == inputs[place - 1].dtype
        error = float((got.float() - want).norm() / want.norm())
        print(f"{name}, {inputs[0].dtype}, {place}: {error:.1e}")
        assert error < tolerance, f"{name}, {place}: {error:.1e}"


def main() -> None:
    total = PACKING.total
    for dtype in TOLERANCE:
        # A width that fills no tile; the convolution reads a slice of something wider.
        wide = random(total, 90).to(dtype)
        compare(
            "causal_conv",
            lambda x, *rest: conv.causal_conv(x[:, 7:77], *rest),
            lambda x, *rest: conv_naive.causal_conv(x[:, 7:77], *rest),
            [wide, random(70, 4), random(70)],
            PACKING,
        )
        x, gate = random(20, 70).to(dtype), random(20, 90).to(dtype)
        weight = random(70)
        compare("rms_norm", norm.rms_norm, norm_naive.rms_norm, [x, weight], 1e-5)
        # The gate is a slice of something wider too.
        gated = (
            lambda x, wide, *rest: norm.gated_rms_norm(x, wide[:, 5:75], *rest),
            lambda x, wide, *rest: norm_naive.gated_rms_norm(x, wide[:, 5:75], *rest),
        )
        compare("gated_rms_norm", *gated, [x, gate, weight], 1e-5)
        z = random(total, 40).to(dtype)
        p = torch.sigmoid(3 * random(total)).clamp(1e-4, 1 - 1e-4)
        compare("smooth", smoothing.smooth, smoothing_naive.smooth, [z, p], PACKING)


if __name__ == "__main__":
    main()
