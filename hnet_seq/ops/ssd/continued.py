"""The Mamba-2 scan over sequences that go on from a state: segments of any length, or single steps.

The definition is the whole-sequence scan: cut anywhere, the pieces give what the whole gives.
Inference only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from hnet_seq.ops.autocast import own_types
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.ssd.blocked import BLOCK, Decays, block_decays, scan

Segments: TypeAlias = Callable[..., tuple[Tensor, Tensor]]


@own_types
def ssd_continue(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    packing: Packing,
    state: Tensor,
    several: Segments | None = None,
) -> Tensor:
    """As :func:`hnet_seq.ops.ssd.naive.ssd`, but each sequence goes on from its state.

    Args:
        several: what does more than a token of each sequence; blocks of tensors by default.
        packing: ``slots`` says whose state each sequence has.
        state: (slots, N, H, P) fp32, replaced in place by the states after the last tokens.

    Returns:
        (T, H, P), typed as ``x``.
    """
    dtype = x.dtype
    x, dt, A, B, C, D = (t.float() for t in (x, dt, A, B, C, D))
    entering = packing.gather(state)
    step = _step if packing.one_token_each else several or segments
    y, leaving = step(x, dt, A, B, C, D, packing, entering)
    packing.scatter(state, leaving)
    return y.to(dtype)


def _step(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    packing: Packing,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    """One token of each sequence: the recurrence itself; overwrites ``state`` (S, N, H, P)."""
    state *= torch.exp(dt * A)[:, None, :, None]
    flat = state.flatten(2)  # (S, N, H P), a view
    flat.baddbmm_(B.unsqueeze(2), (dt.unsqueeze(-1) * x).flatten(1).unsqueeze(1))
    y = (C.unsqueeze(1) @ flat).view_as(x)
    return y.addcmul_(x, D[:, None]), state


def segments(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    packing: Packing,
    entering: Tensor,
) -> tuple[Tensor, Tensor]:
    """The blocked scan, with the entering states added where a sequence starts inside a block.

    Only the tokens of a sequence's first block see its entering state directly; for all others it
    is in the state that the blocks carry.
    """
    blocks = packing.blocks(BLOCK)
    x_b, dt_b, B_b, C_b = map(blocks.split, (x, dt, B, C))
    decays = block_decays(dt_b, A, blocks)
    running = decays.running.transpose(1, 2).flatten(0, 1)  # (B Q, H)

    # Where the running sums stand just before each sequence, in the block of its first token.
    first_in_block = packing.starts % BLOCK == 0
    before = running[(packing.starts - 1).clamp(min=0)].masked_fill(first_in_block[:, None], 0)
    arriving = _arriving(packing, decays, before, entering)
    y_b, states = scan(x_b, dt_b, B_b, C_b, D, decays, blocks, arriving)
    y = blocks.join(y_b)

    steps = torch.arange(BLOCK, device=x.device)
    tokens = packing.starts[:, None] + steps  # (S, Q)
    last_block = packing.starts // BLOCK * BLOCK + BLOCK
    seen = (tokens < last_block[:, None]) & (tokens <= packing.ends[:, None])
    tokens = tokens.clamp(max=packing.total - 1)
    reach = (running[tokens] - before[:, None]).masked_fill(~seen.unsqueeze(-1), -torch.inf).exp()
    carried = (C[tokens] @ entering.flatten(2)).unflatten(-1, x.shape[1:]) * reach.unsqueeze(-1)
    y.index_add_(0, tokens.flatten(), carried.flatten(0, 1))

    # The state after a sequence's last token: what entered that block, and the block's own tokens.
    block_of_end = packing.ends // BLOCK
    tokens = block_of_end[:, None] * BLOCK + steps
    own = (tokens >= packing.starts[:, None]) & (tokens <= packing.ends[:, None])
    tokens = tokens.clamp(max=packing.total - 1)
    at_end = running[packing.ends]  # (S, H)
    weight = (at_end[:, None] - running[tokens]).masked_fill(~own.unsqueeze(-1), -torch.inf).exp()
    scaled = x[tokens] * (weight * dt[tokens]).unsqueeze(-1)
    leaving = (B[tokens].transpose(1, 2) @ scaled.flatten(2)).view_as(entering)
    whole = block_of_end == packing.starts // BLOCK
    entered = torch.where(whole[:, None, None, None], entering, states[block_of_end])
    decay = torch.where(whole[:, None], at_end - before, at_end).exp()
    return y, leaving.addcmul_(entered, decay[:, None, :, None])


def _arriving(
    packing: Packing, decays: Decays, before: Tensor, entering: Tensor
) -> dict[int, Tensor]:
    """What the entering states add to the states that leave their sequences' first blocks."""
    arriving = {}
    start = 0
    for sequence, length in enumerate(packing.lengths):
        block = start // BLOCK
        if start + length > (block + 1) * BLOCK:
            decay = (decays.running[block, :, -1] - before[sequence]).exp()
            arriving[block] = entering[sequence] * decay[:, None]
        start += length
    return arriving
