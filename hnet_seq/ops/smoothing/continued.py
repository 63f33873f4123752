"""The smoothing over sequences that go on from their last average. Inference only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.autocast import own_types
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.smoothing.blocked import smooth


@own_types
def smooth_continue(z: Tensor, p: Tensor, packing: Packing, state: Tensor) -> Tensor:
    """As :func:`hnet_seq.ops.smoothing.naive.smooth`, but from the averages in ``state``.

    Args:
        packing: ``slots`` says whose state each sequence has.
        state: (slots, D) fp32 the last average, zero before a sequence's first chunk; replaced in
            place.

    Returns:
        (K, D) fp32.
    """
    past = packing.gather(state)
    if packing.one_token_each:
        y = torch.lerp(past, z.float(), p.float().unsqueeze(1))
    else:
        y = smooth(z, p, packing)
        running = torch.log1p(-p.double()).cumsum(0)
        before = F.pad(running, (1, 0))[packing.starts]
        reach = (running - before[packing.sequence_index]).exp().float()
        y.addcmul_(reach.unsqueeze(1), past[packing.sequence_index])
    packing.scatter(state, y if packing.one_token_each else y[packing.ends])
    return y
