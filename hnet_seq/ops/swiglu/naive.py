"""The gated activation of SwiGLU (Shazeer 2020): the definition."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def swiglu(x: Tensor) -> Tensor:
    """value * silu(gate), with (value, gate) the halves of each row; (T, 2 F) to (T, F)."""
    value, gate = x.chunk(2, dim=-1)
    return value * F.silu(gate)
