"""The depthwise convolution by the CUDA kernels of causal-conv1d, fp32 included.

They want channels innermost, and channels and row strides in eights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.optional import floating, load, missing, only_cuda, pieces
from hnet_seq.ops.packing import Packing

_LANES = 8  # channels of one vector load
_ALIGNED = 16  # bytes
_WIDTHS = range(2, 5)  # taps
_LARGEST_OFFSET = 2**31 - 1


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used."""
    return only_cuda(device) or floating(dtype) or missing("causal_conv1d", "causal-conv1d")


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor, packing: Packing) -> Tensor:
    """As :func:`hnet_seq.ops.causal_conv.naive.causal_conv`; (T, C) in the type of ``x``.

    Raises:
        ValueError: the kernels have no such number of taps, or a sequence is too long for them.
    """
    if weight.shape[1] not in _WIDTHS:
        raise ValueError(
            f"causal-conv1d has 2 to 4 taps; got {weight.shape[1]}. "
            "Set HNET_SEQ_BACKEND=causal_conv=torch"
        )
    convolve = load("causal_conv1d").causal_conv1d_fn
    channels = x.shape[1]
    if fill := -channels % _LANES:
        x, weight, bias = (
            F.pad(x, (0, fill)),
            F.pad(weight, (0, 0, 0, fill)),
            F.pad(bias, (0, fill)),
        )
    if x.stride(1) != 1 or x.stride(0) % _LANES or x.data_ptr() % _ALIGNED:
        x = x.contiguous()
    weight, bias = weight.contiguous(), bias.to(weight.dtype)
    outputs = []
    for tokens, piece in pieces(packing, _LARGEST_OFFSET // x.stride(0), "causal-conv1d"):
        y = convolve(
            x[tokens].t().unsqueeze(0), weight, bias, seq_idx=piece.sequence_row, activation="silu"
        )
        outputs.append(y.squeeze(0).t())
    return (outputs[0] if len(outputs) == 1 else torch.cat(outputs))[:, :channels]
