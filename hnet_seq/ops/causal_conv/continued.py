"""The causal convolution over sequences that go on from their last tokens. Inference only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.causal_conv.shifted import causal_conv
from hnet_seq.ops.packing import Packing


def causal_conv_continue(
    x: Tensor, weight: Tensor, bias: Tensor, packing: Packing, state: Tensor
) -> Tensor:
    """As :func:`hnet_seq.ops.causal_conv.naive.causal_conv`, but after the tokens in ``state``.

    Args:
        packing: ``slots`` says whose state each sequence has.
        state: (slots, W - 1, C) the last inputs, oldest first, zero before a sequence's start;
            replaced in place.

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
        return F.silu(u, inplace=True)
    # Each sequence with its past in front; what the past itself would give is thrown away.
    extended = x.new_empty(packing.total + past.shape[0] * reach, x.shape[1])
    own = torch.arange(packing.total, device=x.device) + (packing.sequence_index + 1) * reach
    sequences = torch.arange(past.shape[0], device=x.device)
    in_front = (packing.starts + sequences * reach)[:, None] + torch.arange(reach, device=x.device)
    extended[own] = x
    extended[in_front.flatten()] = past.flatten(0, 1)
    bounds = packing.cu_seqlens + reach * F.pad(sequences + 1, (1, 0)).to(torch.int32)
    y = causal_conv(extended, weight, bias, Packing(bounds, extended.shape[0]))
    last = own[packing.ends][:, None] + torch.arange(1 - reach, 1, device=x.device)
    packing.scatter(state, extended[last])
    return y[own]
