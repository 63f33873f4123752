"""The router's cosine (Hwang, Wang, Gu 2025, equation 4): the definition."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def neighbour_cosine(q: Tensor, k: Tensor) -> Tensor:
    """The cosine of the angle between q[t] and k[t + 1]; (T, D) and (T, D) to (T - 1,), fp32."""
    return F.cosine_similarity(q[:-1].float(), k[1:].float(), dim=-1)
