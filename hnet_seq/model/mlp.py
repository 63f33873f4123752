"""SwiGLU (Shazeer 2020)."""

from __future__ import annotations

from torch import Tensor, nn

from hnet_seq.model.linear import Linear
from hnet_seq.ops import swiglu

_MULTIPLE = 128


class SwiGLU(nn.Module):
    """fc2(silu(gate) * value), with (value, gate) = fc1(x); (T, D) to (T, D)."""

    def __init__(self, d_model: int, d_intermediate: int) -> None:
        super().__init__()
        width = -(-d_intermediate // _MULTIPLE) * _MULTIPLE
        self.fc1 = Linear(d_model, 2 * width, bias=False)
        self.fc2 = Linear(width, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(swiglu(self.fc1(x)))
