"""The smoothing of dechunking, one chunk at a time (Hwang, Wang, Gu 2025, equation 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


def smooth(z: Tensor, p: Tensor, packing: Packing) -> Tensor:
    """Exponential moving average over the chunks of each sequence, in fp32.

    zbar_k = p_k z_k + (1 - p_k) zbar_{k-1}, and zbar = 0 before the first chunk of a sequence.

    Args:
        z: (K, D) chunk vectors.
        p: (K,) boundary probabilities of the chunks, in (0, 1).

    Returns:
        (K, D) fp32.
    """
    z, p = z.float(), p.float()
    outputs = []
    for sequence in torch.split(torch.arange(z.shape[0], device=z.device), packing.lengths):
        average = z.new_zeros(z.shape[1])
        for k in sequence.tolist():
            average = p[k] * z[k] + (1 - p[k]) * average
            outputs.append(average)
    return torch.stack(outputs)
