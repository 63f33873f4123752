"""Weights in a quarter of their size: int8, with one scale for each row.

A row w becomes ``round(w / s)`` with ``s = max|w| / 127``, kept in bf16; the file has the whole
numbers under the weight's own name, and the scales under it with ``.row_scale`` behind. Whoever
opens the file gets ``s * round(w / s)`` in fp32: nothing else knows that it was stored so. A row of
zeros, as that of an n-gram that training never saw, comes back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_SCALE = ".row_scale"
_MOST = 127


def to_int8_rows(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What to store of matrices (R, ...): whole numbers of their shape, and scales (R,)."""
    stored = {}
    for name, value in weights.items():
        rows = value.detach().float().flatten(1)
        # Rounded first: the numbers are of the scale that is stored.
        scale = (rows.abs().amax(1) / _MOST).to(torch.bfloat16)
        each = scale.float().unsqueeze(1)
        numbers = torch.where(each > 0, rows / each, 0).round().clamp(-_MOST, _MOST)
        stored[name] = numbers.to(torch.int8).view(value.shape)
        stored[name + _SCALE] = scale
    return stored


def from_int8_rows(stored: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], frozenset[str]]:
    """The weights of a file, those in int8 as fp32; and the names of these.

    Raises:
        ValueError: numbers and scales do not go together; names the weight.
    """
    weights = {name: value for name, value in stored.items() if not name.endswith(_SCALE)}
    named = {name.removesuffix(_SCALE) for name in stored if name.endswith(_SCALE)}
    named |= {name for name, value in weights.items() if value.dtype == torch.int8}
    for name in named:
        numbers, scale = weights.get(name), stored.get(name + _SCALE)
        if numbers is None or numbers.dtype != torch.int8 or numbers.dim() < 2:
            raise ValueError(f"{name}{_SCALE} scales rows of int8, and {name} has none")
        if scale is None or scale.shape != numbers.shape[:1] or not scale.is_floating_point():
            raise ValueError(f"{name} is int8 of {len(numbers)} rows without a scale for each")
        each = scale.float().view(-1, *[1] * (numbers.dim() - 1))
        weights[name] = numbers.float().mul_(each)
    return weights, frozenset(named)
