"""The last tokens of sequences that go on, for n-grams that reach back over them."""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


@torch.no_grad()
def remember(tokens: Tensor, packing: Packing, recent_tokens: Tensor) -> None:
    """Replace the last tokens (slots, reach) of sequences that went on, in place."""
    line, places = with_recent(tokens, packing, recent_tokens)
    lags = torch.arange(recent_tokens.shape[1] - 1, -1, -1, device=tokens.device)
    packing.scatter(recent_tokens, line[places[packing.ends].unsqueeze(1) - lags])


def with_recent(
    tokens: Tensor, packing: Packing, recent_tokens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Each sequence's tokens with those that a state has before them, and where they lie there."""
    places = torch.arange(packing.total, device=tokens.device)
    if recent_tokens is None:
        return tokens, places
    before = packing.gather(recent_tokens)
    reach = before.shape[1]
    places = places + (packing.sequence_index + 1) * reach
    line = tokens.new_empty(packing.total + before.numel())
    line[places] = tokens
    heads = packing.starts + torch.arange(packing.num_sequences, device=tokens.device) * reach
    line[heads.unsqueeze(1) + torch.arange(reach, device=tokens.device)] = before
    return line, places
