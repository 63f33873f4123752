"""Windowed attention on a CPU: tiles of queries against the keys that they see, one softmax each.

A tile is a run of packed tokens, whatever sequences they belong to, for as many heads as keep its
scores in the cache. Only where it meets an edge (its own diagonal, the reach of the window, the
start or end of a sequence) is there a mask. Nothing is padded or grouped by length. The backward
pass makes the scores again from queries, keys and values, which are all that is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.packing import Packing

QUERIES = 128  # tokens of a tile: fewer waste less at the edges, more run nearer the machine's rate
SCORES = 2**18  # floats of a tile: what a core's second cache holds


class _Tile(NamedTuple):
    """Queries, and the keys that any of them sees.

    Attributes:
        left: (queries, some of the first keys) 0 where visible, else -inf; None if all are.
        right: (queries, some of the last keys) the same.
    """

    queries: slice
    keys: slice
    left: Tensor | None
    right: Tensor | None


def _tiles(packing: Packing, window: int, causal: bool, like: Tensor) -> list[_Tile]:
    tokens = torch.arange(packing.total)
    first = torch.maximum(packing.starts[packing.sequence_index], tokens - window)
    last = tokens
    if not causal:
        last = torch.minimum(packing.ends[packing.sequence_index], tokens + window)
    masks: dict[tuple[bytes, int, int], Tensor] = {}  # most tiles have the same

    def mask(queries: slice, keys: slice) -> Tensor | None:
        if keys.start >= keys.stop:
            return None
        from_, to = first[queries, None] - keys.start, last[queries, None] - keys.start
        same = (torch.cat([from_, to]).numpy().tobytes(), keys.stop - keys.start, len(from_))
        if same not in masks:
            key = torch.arange(keys.stop - keys.start)
            hidden = (key < from_) | (key > to)
            masks[same] = like.new_zeros(hidden.shape).masked_fill_(hidden, -math.inf)
        return masks[same]

    tiles = []
    for start in range(0, packing.total, QUERIES):
        queries = slice(start, min(start + QUERIES, packing.total))
        keys = slice(int(first[queries].min()), int(last[queries].max()) + 1)
        # From here to there all queries see all keys; if nowhere, one mask has them all.
        begin, end = int(first[queries].max()), int(last[queries].min()) + 1
        if begin >= end:
            begin = end = keys.stop
        left, right = slice(keys.start, begin), slice(end, keys.stop)
        tiles.append(_Tile(queries, keys, mask(queries, left), mask(queries, right)))
    return tiles


def _probabilities(q: Tensor, k: Tensor, tile: _Tile) -> Tensor:
    """(h, Q, K) of scaled queries (h, Q, d) and keys (h, K, d)."""
    scores = torch.bmm(q, k.transpose(1, 2))
    if tile.left is not None:
        scores[..., : tile.left.shape[1]] += tile.left
    if tile.right is not None:
        scores[..., -tile.right.shape[1] :] += tile.right
    return torch.softmax(scores, -1)


def _heads(total: int, tile: _Tile) -> Iterator[slice]:
    scores = (tile.queries.stop - tile.queries.start) * (tile.keys.stop - tile.keys.start)
    at_once = max(1, SCORES // scores)
    for head in range(0, total, at_once):
        yield slice(head, head + at_once)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int, causal: bool
    ) -> Tensor:
        # Of a view the whole projection would be kept.
        q, k, v = (t.transpose(0, 1).contiguous() for t in (q, k, v))  # (H, T, d)
        ctx.tiles = _tiles(packing, window, causal, q)
        ctx.save_for_backward(q, k, v)
        out = v.new_empty(v.shape[1], v.shape[0], v.shape[2])
        for tile in ctx.tiles:
            for heads in _heads(len(q), tile):
                scaled = q[heads, tile.queries] / math.sqrt(q.shape[-1])
                p = _probabilities(scaled, k[heads, tile.keys], tile)
                out[tile.queries, heads] = torch.bmm(p, v[heads, tile.keys]).transpose(0, 1)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        d_out = grads[0].transpose(0, 1)
        dq, dk, dv = q.new_empty(q.shape), k.new_zeros(k.shape), v.new_zeros(v.shape)
        root = math.sqrt(q.shape[-1])
        for tile in ctx.tiles:
            for heads in _heads(len(q), tile):
                scaled, keys = q[heads, tile.queries] / root, k[heads, tile.keys]
                own = d_out[heads, tile.queries]
                p = _probabilities(scaled, keys, tile)
                dv[heads, tile.keys] += torch.bmm(p.transpose(1, 2), own)
                dp = torch.bmm(own, v[heads, tile.keys].transpose(1, 2))
                d_scores = torch._softmax_backward_data(dp, p, -1, p.dtype)
                dq[heads, tile.queries] = torch.bmm(d_scores, keys).div_(root)
                dk[heads, tile.keys] += torch.bmm(d_scores.transpose(1, 2), scaled)
        return *(t.transpose(0, 1) for t in (dq, dk, dv)), None, None, None


def windowed(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, window: int, causal: bool
) -> Tensor:
    """As :func:`hnet_seq.ops.attention.naive.attention` with a window; fp32 or fp64, on a CPU."""
    return _Attention.apply(q, k, v, packing, window, causal)
