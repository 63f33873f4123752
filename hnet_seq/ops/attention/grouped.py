"""Packed attention: one fused call for all sequences of one length.

A dense document mask would compute every pair of sequences to throw it away. Windowed attention
is cut into bands: a query block sees its own keys and those of the block before, and without
causality those of the block after, so the cost is linear in the length. On a CPU it is cut into
tiles instead: its fused kernel with a mask computes what the mask hides, and backwards is slow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.attention.tiled import windowed
from hnet_seq.ops.packing import Packing

MIN_BAND = 64  # tokens: narrower bands cost more calls than they save products


def _global(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """(n, H, L, d)."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def banded(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """(n, H, L, d), each query on its ``window`` predecessors and itself.

    The keys may begin up to ``window`` tokens before the queries: k, v (n, H, P + L, d).
    """
    n, length = q.shape[0], q.shape[2]
    past = k.shape[2] - length
    band = max(window, MIN_BAND)
    # The first band sees what lies before the queries; all others see whole bands, by one mask.
    head = min(band, length)
    visible = band_mask(past, head, window, q.device)
    out = F.scaled_dot_product_attention(
        q[:, :, :head], k[:, :, : past + head], v[:, :, : past + head], attn_mask=visible
    )
    blocks = -(-(length - head) // band)
    if not blocks:
        return out
    fill = blocks * band - (length - head)
    q = F.pad(q[:, :, head:], (0, 0, 0, fill)).unflatten(2, (blocks, band))
    k, v = (F.pad(t[:, :, past:], (0, 0, 0, fill)).unfold(2, 2 * band, band) for t in (k, v))
    rest = F.scaled_dot_product_attention(
        q.transpose(1, 2).flatten(0, 1),
        k.permute(0, 2, 1, 4, 3).flatten(0, 1),
        v.permute(0, 2, 1, 4, 3).flatten(0, 1),
        attn_mask=band_mask(band, band, window, q.device),
    )
    rest = rest.unflatten(0, (n, blocks)).transpose(1, 2).flatten(2, 3)
    return torch.cat([out, rest[:, :, : length - head]], dim=2)


def band_mask(past: int, queries: int, window: int, device: torch.device) -> Tensor:
    """Which keys the last ``queries`` of ``past + queries`` tokens see; (1, 1, queries, keys)."""
    i = torch.arange(past, past + queries, device=device)[:, None]
    j = torch.arange(past + queries, device=device)
    visible = (j <= i) & (i - j <= window) if window >= 0 else j <= i
    return visible[None, None]


def _banded_both_sides(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """(n, H, L, d), each query on its ``window`` predecessors and successors and itself."""
    n, length = q.shape[0], q.shape[2]
    band = max(window, MIN_BAND)
    blocks = -(-length // band)
    fill = blocks * band - length
    q = F.pad(q, (0, 0, 0, fill)).unflatten(2, (blocks, band))
    k, v = (F.pad(t, (0, 0, band, band + fill)).unfold(2, 3 * band, band) for t in (k, v))
    first = torch.arange(blocks, device=q.device)[:, None, None] * band
    i = first + torch.arange(band, device=q.device)[:, None]
    j = first + torch.arange(-band, 2 * band, device=q.device)
    visible = ((i - j).abs() <= window) & (j >= 0) & (j < length)
    # A query that fills the last block sees itself: of no key at all the softmax would be NaN.
    mask = visible | (i == j)  # (blocks, band, 3 band)
    out = F.scaled_dot_product_attention(
        q.transpose(1, 2).flatten(0, 1),
        k.permute(0, 2, 1, 4, 3).flatten(0, 1),
        v.permute(0, 2, 1, 4, 3).flatten(0, 1),
        attn_mask=mask.repeat(n, 1, 1).unsqueeze(1),
    )
    return out.unflatten(0, (n, blocks)).transpose(1, 2).flatten(2, 3)[:, :, :length]


def _together(pieces: Sequence[Tensor], members: list[int]) -> Tensor:
    """(n, L, H, d); one sequence is not copied."""
    if len(members) == 1:
        return pieces[members[0]].unsqueeze(0)
    return torch.stack([pieces[m] for m in members])


def attention(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int = -1, causal: bool = True
) -> Tensor:
    """As :func:`hnet_seq.ops.attention.naive.attention`."""
    lengths = packing.lengths
    wide = q.dtype in (torch.float32, torch.float64)
    if q.device.type == "cpu" and wide and 0 <= window < max(lengths) - 1:
        return windowed(q, k, v, packing, window, causal)
    groups: dict[int, list[int]] = defaultdict(list)  # length -> sequences
    for sequence, length in enumerate(lengths):
        groups[length].append(sequence)

    outputs: list[Tensor] = []
    order: list[int] = []
    # Of a view the whole projection would be kept.
    pieces = [torch.split(t, lengths) for t in (q, k, v.contiguous())]
    for length, members in groups.items():
        q_g, k_g, v_g = (_together(own, members).transpose(1, 2) for own in pieces)
        if not 0 <= window < length - 1:
            out = _global(q_g, k_g, v_g, causal)
        elif causal:
            out = banded(q_g, k_g, v_g, window)
        else:
            out = _banded_both_sides(q_g, k_g, v_g, window)
        outputs.extend(out.transpose(1, 2).unbind(0))
        order.extend(members)
    in_order = sorted(range(len(order)), key=order.__getitem__)
    return torch.cat([outputs[place] for place in in_order])
