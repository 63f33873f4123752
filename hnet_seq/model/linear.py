"""Linear maps that are also fast for the few tokens of a generation step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEW = (2, 32)  # tokens; one is a matrix-vector product, which is fast as it is
_PARTS = 4


class Linear(nn.Linear):
    """As ``nn.Linear``; (T, D) to (T, N).

    For a handful of rows a CPU's matrix product spends most of its time on copying the weights
    into blocks and on sharing a small job between threads. Batched products of parts of the weights
    do neither: 1.5 to 3 times faster (benchmarks/generation.py).
    """

    def forward(self, x: Tensor) -> Tensor:
        rows = x.shape[0]
        # Compared, not looked up: torch.compile cannot look up a number that it leaves open.
        few = _FEW[0] <= rows <= _FEW[1] and x.dim() == 2 and self.out_features % _PARTS == 0
        if torch.is_grad_enabled() or not few or x.device.type != "cpu":
            return F.linear(x, self.weight, self.bias)
        parts = self.weight.unflatten(0, (_PARTS, -1)).transpose(1, 2)  # (parts, D, N / parts)
        y = torch.bmm(x.expand(_PARTS, -1, -1), parts).transpose(0, 1).flatten(1)
        return y if self.bias is None else y.add_(self.bias)


def is_its_weight(linear: nn.Module) -> bool:
    """Whether what a linear map does is a product with ``weight``, which a kernel may take then.

    It is not where another library put a layer of its own around it (PEFT's adapters have the
    ``weight`` of what they adapt), where one put a ``forward`` on this very layer (accelerate's
    hooks), or where hooks are to be called.
    """
    return is_plain(linear, Linear)


def is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether calling a module does what its class does and no more: no hooks, no other forward."""
    hooks = module._forward_hooks or module._forward_pre_hooks
    hooks = hooks or module._backward_hooks or module._backward_pre_hooks
    return type(module).forward is kind.forward and "forward" not in vars(module) and not hooks
