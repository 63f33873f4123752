"""The causal convolution over sequences that go on from their last tokens. Inference only."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.autocast import own_types
from hnet_seq.ops.causal_conv.shifted import causal_conv
from hnet_seq.ops.packing import Packing


@own_types
def causal_conv_continue(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    packing: Packing,
    state: Tensor,
    convolve: Callable[..., Tensor] = causal_conv,
) -> Tensor:
    """As :func:`hnet_seq.ops.causal_conv.naive.causal_conv`, but after the tokens in ``state``.

    Args:
        packing: ``slots`` says whose state each sequence has.
        state: (slots, W - 1, C) the last inputs, oldest first, zero before a sequence's start;
            replaced in place.
        convolve: what does whole sequences.

    Returns:
        (T, C).
    """
    past = packing.gather(state).to(x.dtype)
    reach = past.shape[1]
    if packing.one_token_each:
        window = torch.cat([past, x.unsqueeze(1)], dim=1)  # (S, W, C)
        u = torch.addcmul(bias, window[:, 0], weight[:, 0])
        for tap in range(1, reach + 1):
            u.addcmul_(window[:, tap], weight[:, tap])
        packing.scatter(state, window[:, 1:])
        return F.silu(u, inplace=True).to(x.dtype)
    y = convolve(x, weight, bias, packing)
    steps = torch.arange(reach, device=x.device)
    # The first tokens of each sequence once more, now with the past in front of them.
    heads = packing.starts[:, None] + steps  # (S, W - 1)
    own = heads <= packing.ends[:, None]
    first = x[heads.clamp(max=packing.total - 1)]
    windows = torch.cat([past, first], dim=1).unfold(1, reach + 1, 1)  # (S, W, C, W)
    u = bias + (windows[:, :reach] * weight).sum(-1)
    y[heads[own]] = F.silu(u[own]).to(y.dtype)
    # The last inputs: a sequence with fewer tokens of its own keeps some of its past.
    tails = packing.ends[:, None] + steps + (1 - reach)
    row = (reach + tails - packing.starts[:, None]).clamp(max=reach - 1)
    kept = past.gather(1, row.clamp(min=0).unsqueeze(-1).expand_as(past))
    inside = (tails >= packing.starts[:, None]).unsqueeze(-1)
    packing.scatter(state, torch.where(inside, x[tails.clamp(min=0)], kept))
    return y
