"""The hot operations. Each has a naive definition and faster backends; ``registry`` chooses.

The ``*_continue`` forms go on from a running state, for generation and streaming.
"""

from __future__ import annotations

from torch import Tensor

from hnet_seq.ops.attention.continued import KeyValueCache, attention_continue
from hnet_seq.ops.causal_conv.continued import causal_conv_continue
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import backend, choices, run
from hnet_seq.ops.smoothing.continued import smooth_continue
from hnet_seq.ops.ssd.continued import ssd_continue

__all__ = [
    "KeyValueCache",
    "Packing",
    "attention",
    "attention_continue",
    "backend",
    "causal_conv",
    "causal_conv_continue",
    "choices",
    "gated_rms_norm",
    "rms_norm",
    "smooth",
    "smooth_continue",
    "ssd",
    "ssd_continue",
]


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, packing: Packing
) -> Tensor:
    """Mamba-2 scan; see :mod:`hnet_seq.ops.ssd.naive`."""
    return run("ssd", x, dt, A, B, C, D, packing)


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """Depthwise causal convolution and SiLU; see :mod:`hnet_seq.ops.causal_conv.naive`."""
    return run("causal_conv", x, weight, bias, packing)


def attention(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int = -1, causal: bool = True
) -> Tensor:
    """Attention inside each sequence; see :mod:`hnet_seq.ops.attention.naive`."""
    return run("attention", q, k, v, packing, window, causal)


def smooth(z: Tensor, p: Tensor, packing: Packing) -> Tensor:
    """Moving average over chunks; see :mod:`hnet_seq.ops.smoothing.naive`."""
    return run("smooth", z, p, packing)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMS normalisation; see :mod:`hnet_seq.ops.norm.naive`."""
    return run("rms_norm", x, weight, eps)


def gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMS normalisation of y * silu(gate); see :mod:`hnet_seq.ops.norm.naive`."""
    return run("gated_rms_norm", y, gate, weight, eps)
