"""What stands where: a weight for each place of sequences that are aligned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hnet_seq.heads.pooling import segment_sum

_PLACES = 1024  # tokens; whatever comes later counts as the last of them
_RANK = 16


class PlaceReadout(nn.Module):
    """Logits as a sum over positions: few features of each state, weighed by its place.

    Over one-hot letters this is the logistic regression on letters by position. The features are
    learned with the task and shared by all places; the weights of places begin at zero.
    """

    def __init__(self, d_model: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.features = nn.Linear(d_model, _RANK, bias=False)
        self.weights = nn.Parameter(torch.zeros(_PLACES, outputs * _RANK))

    def forward(self, hidden: Tensor, cu_seqlens: Tensor) -> Tensor:
        """(T, D) packed states and (S + 1,) to (S, C) fp32."""
        bounds = cu_seqlens.long()
        lengths = bounds.diff()
        tokens = torch.arange(len(hidden), device=hidden.device)
        begins = bounds[:-1].repeat_interleave(lengths, output_size=len(hidden))
        place = (tokens - begins).clamp(max=_PLACES - 1)
        weights = self.weights[place].unflatten(1, (self.outputs, _RANK))
        parts = (weights * self.features(hidden.float()).unsqueeze(1)).sum(2)  # (T, C)
        return segment_sum(parts, lengths).float()
