"""Causal attention over sequences that go on from a key-value cache. Inference only.

A windowed cache is a ring that holds the last ``window`` tokens and the newest, however long the
sequence; a global one grows with it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.attention.grouped import attention, band_mask, banded
from hnet_seq.ops.packing import Packing

QUERIES = 512  # tokens: the masks of one call stay small beside its keys
_FIRST_CAPACITY = 64  # tokens


class KeyValueCache:
    """Keys and values of the tokens that later ones may still see.

    How many tokens each sequence has is not stored here: the packing's ``offset`` says it.

    Args:
        slots: sequences.
        window: tokens seen to the left; -1 for all.
    """

    def __init__(
        self, slots: int, heads: int, head_dim: int, window: int, device: torch.device
    ) -> None:
        self.window = window
        self._data = torch.zeros(2, slots, 0, heads, head_dim, device=device)

    @property
    def tensors(self) -> list[Tensor]:
        """The storage, (2, slots, capacity, H, d)."""
        return [self._data]

    def reset(self, slots: Tensor) -> None:
        """Nothing to do: what lies behind a sequence's ``offset`` is never read."""

    def copies(self, count: int) -> KeyValueCache:
        """Of ``count`` slots, all as this one's only slot."""
        _, _, _, heads, head_dim = self._data.shape
        found = KeyValueCache(count, heads, head_dim, self.window, self._data.device)
        found._data = self._data.repeat(1, count, 1, 1, 1)
        return found

    @property
    def capacity(self) -> int:
        """Tokens of each sequence that there is room for."""
        return self._data.shape[2]

    @property
    def token_bytes(self) -> int:
        """Memory of one token of one sequence."""
        _, _, _, heads, head_dim = self._data.shape
        return 2 * heads * head_dim * self._data.element_size()

    @property
    def keys(self) -> Tensor:
        """(slots, capacity, H, d)."""
        return self._data[0]

    @property
    def values(self) -> Tensor:
        """(slots, capacity, H, d)."""
        return self._data[1]

    def place(self, position: Tensor) -> Tensor:
        """Where the token at each position of its sequence is kept."""
        return position if self.window < 0 else position % (self.window + 1)

    def visible(self, slot: int, position: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """What a sequence's new tokens (L, H, d) from ``position`` on may see, they included.

        Returns:
            keys and values (n + L, H, d) in order; of a global cache, which has taken in the new
            tokens already, without a copy.
        """
        if self.window < 0:
            stored = self._data[:, slot, : position + k.shape[0]]
            return stored[0], stored[1]
        first = max(0, position - self.window)
        places = self.place(torch.arange(first, position, device=self._data.device))
        past = self._data[:, slot].index_select(1, places)
        return torch.cat([past[0], k]), torch.cat([past[1], v])

    def write(self, k: Tensor, v: Tensor, packing: Packing) -> None:
        """Take in the tokens (T, H, d) of a packed batch; of a ring, those that stay visible."""
        assert packing.slots is not None
        self._make_room(max(map(sum, zip(packing.offsets, packing.lengths, strict=True))))
        slots, position = packing.slots[packing.sequence_index], packing.position
        new = torch.stack([k, v]).to(self._data.dtype)
        if self.window >= 0 and not packing.one_token_each:
            end = position[packing.ends][packing.sequence_index]
            stays = (position >= end - self.window).nonzero().squeeze(1)
            slots, position, new = slots[stays], position[stays], new[:, stays]
        self._data[:, slots, self.place(position)] = new

    def _make_room(self, tokens: int) -> None:
        limit = tokens if self.window < 0 else min(tokens, self.window + 1)
        if limit <= self.capacity:
            return
        room = max(limit, self.capacity * 3 // 2, _FIRST_CAPACITY)
        if self.window >= 0:
            room = min(room, self.window + 1)
        self._data = F.pad(self._data, (0, 0, 0, 0, 0, room - self.capacity))


def attention_continue(
    q: Tensor, k: Tensor, v: Tensor, packing: Packing, cache: KeyValueCache
) -> Tensor:
    """As :func:`hnet_seq.ops.attention.naive.attention`, but each sequence sees its cache too.

    Args:
        q, k, v: (T, H, d), rotated for the positions that ``packing`` says.
        cache: takes in the new tokens.

    Returns:
        (T, H, d).
    """
    assert packing.slots is not None
    if packing.one_token_each:
        cache.write(k, v, packing)
        return _step(q, packing, cache)
    offsets = packing.offsets
    if not any(offsets):
        out = attention(q, k, v, packing, cache.window)
        cache.write(k, v, packing)
        return out
    # A ring loses what the first new tokens still see as soon as it takes in the last.
    if cache.window < 0:
        cache.write(k, v, packing)
    pieces = (torch.split(t, packing.lengths) for t in (q, k, v))
    slots = packing.slots.tolist()
    out = torch.cat(
        [
            _after(q_s, *cache.visible(slot, offset, k_s, v_s), cache.window)
            for slot, offset, q_s, k_s, v_s in zip(slots, offsets, *pieces, strict=True)
        ]
    )
    if cache.window >= 0:
        cache.write(k, v, packing)
    return out


def _step(q: Tensor, packing: Packing, cache: KeyValueCache) -> Tensor:
    """One query for each sequence, all in one call; (S, H, d)."""
    assert packing.slots is not None
    filled = (packing.position + 1).clamp(max=cache.capacity)
    visible = torch.arange(cache.capacity, device=q.device) < filled[:, None]
    keys, values = (packing.gather(t).transpose(1, 2) for t in (cache.keys, cache.values))
    mask = visible[:, None, None]
    return F.scaled_dot_product_attention(q.unsqueeze(2), keys, values, attn_mask=mask).squeeze(2)


def _after(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """The last tokens of one sequence, q (L, H, d), on its keys and values (n + L, H, d)."""
    q, k, v = (t.transpose(0, 1).unsqueeze(0) for t in (q, k, v))  # (1, H, tokens, d)
    if window >= 0:
        return banded(q, k, v, window)[0].transpose(0, 1)
    past = k.shape[2] - q.shape[2]
    outputs = []
    for queries in q.split(QUERIES, dim=2):
        visible = band_mask(past, queries.shape[2], -1, q.device)
        past += queries.shape[2]
        outputs.append(
            F.scaled_dot_product_attention(
                queries, k[:, :, :past], v[:, :, :past], attn_mask=visible
            )
        )
    return torch.cat(outputs, dim=2)[0].transpose(0, 1)
