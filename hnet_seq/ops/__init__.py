"""The hot operations. Each has a naive definition and faster backends; ``registry`` chooses.

The ``*_continue`` forms go on from a running state, for generation and streaming.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.attention.continued import KeyValueCache, attention_continue
from hnet_seq.ops.causal_conv import continued as _conv
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import backend, choices, fused, run, run_fused
from hnet_seq.ops.smoothing.continued import smooth_continue
from hnet_seq.ops.ssd import continued as _ssd

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
    "mamba2_layer",
    "mamba2_mix",
    "mamba2_mixer",
    "neighbour_cosine",
    "rms_norm",
    "smooth",
    "smooth_continue",
    "spread",
    "ssd",
    "ssd_continue",
    "swiglu",
]


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, packing: Packing
) -> Tensor:
    """Mamba-2 scan; see :mod:`hnet_seq.ops.ssd.naive`."""
    return run("ssd", x, dt, A, B, C, D, packing)


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """Depthwise causal convolution and SiLU; see :mod:`hnet_seq.ops.causal_conv.naive`."""
    return run("causal_conv", x, weight, bias, packing)


def ssd_continue(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    packing: Packing,
    state: Tensor,
) -> Tensor:
    """The scan from a running state on; see :mod:`hnet_seq.ops.ssd.continued`."""
    return _ssd.ssd_continue(x, dt, A, B, C, D, packing, state, fused("ssd_segments", x))


def causal_conv_continue(
    x: Tensor, weight: Tensor, bias: Tensor, packing: Packing, state: Tensor
) -> Tensor:
    """The convolution from its last inputs on; see :mod:`hnet_seq.ops.causal_conv.continued`."""
    return _conv.causal_conv_continue(x, weight, bias, packing, state, causal_conv)


def attention(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int = -1, causal: bool = True
) -> Tensor:
    """Attention inside each sequence; see :mod:`hnet_seq.ops.attention.naive`."""
    return run("attention", q, k, v, packing, window, causal)


def neighbour_cosine(q: Tensor, k: Tensor) -> Tensor:
    """The router's cosine; see :mod:`hnet_seq.ops.neighbour_cosine.naive`."""
    return run("neighbour_cosine", q, k)


def spread(z: Tensor, starts: Tensor, scale: Tensor) -> Tensor:
    """Chunks back to their tokens; see :mod:`hnet_seq.ops.spread.naive`."""
    return run("spread", z, starts, scale)


def smooth(z: Tensor, p: Tensor, packing: Packing) -> Tensor:
    """Moving average over chunks; see :mod:`hnet_seq.ops.smoothing.naive`."""
    return run("smooth", z, p, packing)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMS normalisation; see :mod:`hnet_seq.ops.norm.naive`."""
    return run("rms_norm", x, weight, eps)


def gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMS normalisation of y * silu(gate); see :mod:`hnet_seq.ops.norm.naive`."""
    return run("gated_rms_norm", y, gate, weight, eps)


def swiglu(x: Tensor) -> Tensor:
    """The first half of each row times SiLU of the second; see :mod:`hnet_seq.ops.swiglu.naive`."""
    return run("swiglu", x)


def mamba2_mix(
    projected: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    norm_weight: Tensor,
    eps: float,
    packing: Packing,
) -> Tensor | None:
    """What a Mamba-2 mixer does between its projections: convolution, scan, gated norm.

    Args:
        projected: (T, I + C + H): gate, what is convolved, and step sizes before softplus; the C
            channels are the I of x, then N of B and N of C.
        conv_weight, conv_bias: (C, W) and (C,).
        dt_bias, A, D: (H,).
        norm_weight: (I,).

    Returns:
        (T, I); None where no kernel does all three at once: then they are done one by one.
    """
    parameters = (conv_weight, conv_bias, dt_bias, A, D, norm_weight)
    return run_fused("mamba2_mix", projected, *parameters, eps, packing)


def mamba2_mixer(
    x: Tensor,
    in_weight: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    norm_weight: Tensor,
    out_weight: Tensor,
    eps: float,
    packing: Packing,
    conv_state: Tensor | None = None,
    ssm_state: Tensor | None = None,
) -> Tensor | None:
    """A whole Mamba-2 mixer with its projections. Inference only.

    Args:
        x: (T, D).
        in_weight, out_weight: (I + C + H, D) and (D, I), see :func:`mamba2_mix` for the rest.
        conv_state, ssm_state: (slots, W - 1, C) and (slots, N, H, P) of sequences that go on;
            replaced in place.

    Returns:
        (T, D); None where no kernel does it, and then no state has changed.
    """
    if torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
        return None
    weights = (in_weight, conv_weight, conv_bias, dt_bias, A, D, norm_weight, out_weight)
    found: Tensor | None = run_fused(
        "mamba2_mixer", x, *weights, eps, packing, conv_state, ssm_state
    )
    return found


def mamba2_layer(
    x: Tensor,
    first_norm: Tensor,
    in_weight: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    norm_weight: Tensor,
    out_weight: Tensor,
    eps: float,
    packing: Packing,
) -> Tensor | None:
    """A norm and a whole Mamba-2 mixer, for training: little is kept for the backward pass.

    Args:
        x: (T, D).
        first_norm: (D,), see :func:`mamba2_mixer` for the rest.

    Returns:
        (T, D); None where no kernel does it, or no gradient is wanted.
    """
    if not torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
        return None
    weights = (in_weight, conv_weight, conv_bias, dt_bias, A, D, norm_weight, out_weight)
    found: Tensor | None = run_fused("mamba2_layer", x, first_norm, *weights, eps, packing)
    return found
