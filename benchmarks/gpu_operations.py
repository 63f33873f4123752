"""Inputs of each operation as a bf16 training step has them."""

from __future__ import annotations

from collections.abc import Iterator

from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS

import torch  # isort: skip
import torch.nn.functional as F  # isort: skip
from torch import Tensor  # isort: skip

Case = tuple[str, list[Tensor], list[object]]


def cases(device: torch.device, smoke: bool) -> Iterator[Case]:
    """Operation, tensors, and what follows them: 8 sequences of 8,192 tokens, width 1,024."""
    length, width, state = (32, 64, 16) if smoke else (8192, 1024, 128)
    packing = Packing.from_lengths([length] * (2 if smoke else 8), device)
    total, inner = packing.total, 2 * width
    heads, channels = inner // 64, inner + 2 * state

    def random(*shape: int, half: bool = True) -> Tensor:
        values = torch.randn(*shape, device=device)
        return values.bfloat16() if half else values

    dt = F.softplus(random(total, heads, half=False) - 4)
    decay = -random(heads, half=False).exp()
    yield (
        "ssd",
        [
            random(total, heads, 64), dt, decay, random(total, state), random(total, state),
            random(heads, half=False),
        ],
        [packing],
    )  # fmt: skip
    taps = [random(channels, 4, half=False), random(channels, half=False)]
    yield "causal_conv", [random(total, channels), *taps], [packing]
    for window in (-1, 16 if smoke else 1023):
        yield "attention", [random(total, width // 64, 64) for _ in range(3)], [packing, window]
    # One chunk for six tokens.
    chunks = Packing.from_lengths([-(-length // 6)] * packing.num_sequences, device)
    probability = torch.rand(chunks.total, device=device).clamp(0.01, 0.99)
    yield "smooth", [random(chunks.total, width, half=False), probability], [chunks]
    yield "rms_norm", [random(total, width, half=False), random(width, half=False)], [1e-5]
    gated = [random(total, inner), random(total, inner), random(inner, half=False)]
    yield "gated_rms_norm", gated, [1e-5]
    if "swiglu" in IMPLEMENTATIONS:
        yield "swiglu", [random(total, 2 * inner)], []
