"""From logits to the next token: temperature, top-k, top-p, min-p."""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.model.sampling_rules import Sampling

__all__ = ["Sampling", "draw", "probabilities"]


def probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """(S, V) logits to the (S, V) fp32 distribution that tokens are drawn from."""
    logits = logits.float()
    if sampling.allowed is not None:
        kept = torch.full_like(logits, -torch.inf)
        ids = torch.tensor(sampling.allowed, device=logits.device)
        logits = kept.index_copy(1, ids, logits.index_select(1, ids))
    if sampling.temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    # Shifted first: a small temperature would overflow.
    logits = (logits - logits.amax(-1, keepdim=True)) / sampling.temperature
    if 0 < sampling.top_k < logits.shape[-1]:
        least = logits.topk(sampling.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    p = logits.softmax(-1)
    if sampling.top_p < 1:
        ordered, order = p.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered
        dropped = torch.zeros_like(p, dtype=torch.bool).scatter(1, order, before >= sampling.top_p)
        p = p.masked_fill(dropped, 0)
    if sampling.min_p > 0:
        p = p.masked_fill(p < sampling.min_p * p.amax(-1, keepdim=True), 0)
    return p / p.sum(-1, keepdim=True)


def draw(logits: Tensor, sampling: Sampling, generators: list[torch.Generator]) -> Tensor:
    """One token (S,) int64 of each row of (S, V) logits.

    Args:
        generators: one on the CPU for each row; each gives one number, so that a sequence's tokens
            do not depend on its batch mates.
    """
    p = probabilities(logits, sampling)
    if sampling.temperature == 0:
        return p.argmax(-1)
    numbers = torch.stack([torch.rand((), dtype=torch.float64, generator=g) for g in generators])
    cumulative = p.double().cumsum(-1)
    point = numbers.to(p.device)[:, None] * cumulative[:, -1:]
    # The first token whose share of the line lies beyond the point; never one of probability 0.
    return (cumulative <= point).sum(-1).clamp(max=p.shape[-1] - 1)
