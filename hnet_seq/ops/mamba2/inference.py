"""A whole Mamba-2 mixer in one kernel, where no gradient is wanted (CPU, fp32).

Between its two projections a layer makes four times as much as it is given. For a gradient that has
to be kept; here a hundred tokens at a time go through all of the layer while it is in the cache.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.mamba2.native import fits
from hnet_seq.ops.native import call, rows
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.ssd.native import MULTIPLE

_FEWEST = 48  # tokens: for fewer the weights are not worth laying out anew


def mixer(
    x: Tensor,
    in_weight: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    norm_weight: Tensor,
    out_weight: Tensor,
    eps: float,
    packing: Packing,
    conv_state: Tensor | None = None,
    ssm_state: Tensor | None = None,
) -> Tensor | None:
    """As :func:`hnet_seq.ops.mamba2_mixer`; None where a width does not fit the kernel."""
    inner, heads = norm_weight.shape[0], A.shape[0]
    state, taps = (conv_weight.shape[0] - inner) // 2, conv_weight.shape[1]
    weights = (in_weight, conv_weight, conv_bias, dt_bias, A, D, norm_weight, out_weight)
    if (
        x.shape[0] < _FEWEST
        or packing.one_token_each
        or x.shape[1] % MULTIPLE
        or not fits(taps, inner // heads, state)
        or any(weight.dtype is not torch.float32 for weight in weights)
    ):
        return None
    x, x_row = rows(x)
    out = x.new_empty(x.shape)
    before: list[Tensor | None] = [None, None]
    after: list[Tensor | None] = [None, None]
    if conv_state is not None and ssm_state is not None:
        before = [packing.gather(conv_state).float().contiguous(), packing.gather(ssm_state)]
        # A sequence without a token here leaves its state as it was.
        after = [one.clone() for one in before if one is not None]
    call(
        "mamba2_mixer",
        x.shape[0],
        packing.num_sequences,
        packing.cu_seqlens.to(torch.int32),
        x.shape[1],
        inner,
        state,
        heads,
        taps,
        x,
        x_row,
        in_weight.contiguous(),
        conv_weight.t().contiguous(),
        conv_bias.contiguous(),
        dt_bias.contiguous(),
        A.contiguous(),
        D.contiguous(),
        norm_weight.contiguous(),
        float(eps),
        out_weight.contiguous(),
        out,
        *before,
        *after,
    )
    for own, value in zip((conv_state, ssm_state), after, strict=True):
        if own is not None and value is not None:
            packing.scatter(own, value)
    return out
