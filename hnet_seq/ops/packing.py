"""Packed batches: sequences laid end to end, and the few facts about them that operations share.

Shape letters used in ``ops`` and ``model``: T packed tokens, S sequences, K chunks, D width,
H heads, P head width, N state width, Q tokens of one matrix-product block.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor


class Packing:
    """Where the sequences of a packed batch begin and end, and what they continue.

    Args:
        cu_seqlens: (S+1,) integer, starts at 0, strictly increasing, ends at T.
        total: T; passing it spares one host synchronisation.
        slots: (S,) int64 the place of each sequence in a running state, no place twice; None
            where there is no state.
        offset: (S,) int64 tokens of each sequence that the state has seen; None for none.
        every_slot: ``slots`` are all that the state has, in order: nothing need be gathered.
        both_strands: the second half is the other strand of the first, see
            :mod:`hnet_seq.ops.strands`.

    Derived facts are computed once and shared by every layer of a stage. ``lengths``, with
    ``longest``, and ``offsets`` are the only ones that need the host.
    """

    def __init__(
        self,
        cu_seqlens: Tensor,
        total: int | None = None,
        *,
        slots: Tensor | None = None,
        offset: Tensor | None = None,
        every_slot: bool = False,
        both_strands: bool = False,
    ) -> None:
        self.cu_seqlens = cu_seqlens
        self.total = int(cu_seqlens[-1]) if total is None else total
        self.slots = slots
        self.offset = offset
        self.every_slot = every_slot
        self.both_strands = both_strands

    @classmethod
    def from_lengths(cls, lengths: list[int], device: torch.device | str = "cpu") -> Packing:
        """The packing of sequences of these lengths (tokens)."""
        cu_seqlens = F.pad(
            torch.tensor(lengths, dtype=torch.int32).cumsum(0, dtype=torch.int32), (1, 0)
        )
        return cls(cu_seqlens.to(device), sum(lengths))

    @classmethod
    def from_user(cls, cu_seqlens: Tensor, total: int) -> Packing:
        """Check what a caller handed in; everything behind it trusts the packing.

        Raises:
            ValueError: ``cu_seqlens`` is not 0 = c_0 < c_1 < ... < c_S = ``total``.
        """
        bounds = cu_seqlens.tolist()
        if len(bounds) < 2 or bounds[0] != 0 or bounds[-1] != total:
            raise ValueError(
                f"cu_seqlens must run from 0 to the number of tokens, {total}; got {bounds[:8]}"
            )
        if any(start >= end for start, end in pairwise(bounds)):
            raise ValueError(
                "cu_seqlens must be strictly increasing: an empty sequence has no logits"
            )
        return cls(cu_seqlens.to(torch.int32), total)

    @property
    def device(self) -> torch.device:
        return self.cu_seqlens.device

    @property
    def num_sequences(self) -> int:
        return self.cu_seqlens.numel() - 1

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each sequence, on the host."""
        return self.cu_seqlens.diff().tolist()

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest sequence, on the host."""
        return max(self.lengths)

    @cached_property
    def sequence_index(self) -> Tensor:
        """(T,) int64: the sequence that each token belongs to."""
        sequences = torch.arange(self.num_sequences, device=self.device)
        return torch.repeat_interleave(
            sequences, self.cu_seqlens.diff().long(), output_size=self.total
        )

    @cached_property
    def sequence_row(self) -> Tensor:
        """(1, T) int32: the same as kernels of other packages take it."""
        return self.sequence_index.to(torch.int32).unsqueeze(0)

    @cached_property
    def _place(self) -> Tensor:
        """(T,) int64: how many tokens of its sequence stand before each token in this batch."""
        tokens = torch.arange(self.total, device=self.device)
        return tokens - self.cu_seqlens[self.sequence_index].long()

    @cached_property
    def place(self) -> Tensor:
        """(T,) int32: as many tokens of its sequence stand before each token in this batch."""
        return self._place.to(torch.int32)

    @cached_property
    def position(self) -> Tensor:
        """(T,) int64: the place of each token in its sequence, from 0, ``offset`` included."""
        if self.offset is None:
            return self._place
        return self._place + self.offset[self.sequence_index]

    @cached_property
    def starts(self) -> Tensor:
        """(S,) int64: the packed index of each sequence's first token in this batch."""
        return self.cu_seqlens[:-1].long()

    @cached_property
    def ends(self) -> Tensor:
        """(S,) int64: the packed index of each sequence's last token in this batch."""
        return self.cu_seqlens[1:].long() - 1

    @cached_property
    def reversal(self) -> Tensor:
        """(T,) int64: where each token lies when every sequence is read from its end."""
        sequence = self.sequence_index
        tokens = torch.arange(self.total, device=self.device)
        return self.starts[sequence] + self.ends[sequence] - tokens

    def gather(self, state: Tensor) -> Tensor:
        """(slots, ...) to (S, ...): the state of each sequence; ``state`` itself for every slot."""
        assert self.slots is not None
        return state if self.every_slot else state.index_select(0, self.slots)

    def scatter(self, state: Tensor, value: Tensor) -> None:
        """Replace the state of each sequence by ``value`` (S, ...), in place."""
        assert self.slots is not None
        if not self.every_slot:
            state.index_copy_(0, self.slots, value.to(state.dtype))
        elif value is not state:
            state.copy_(value)

    @property
    def one_token_each(self) -> bool:
        """A step of generation: every sequence has one token."""
        return self.total == self.num_sequences

    @cached_property
    def offsets(self) -> list[int]:
        """``offset`` on the host."""
        return [0] * self.num_sequences if self.offset is None else self.offset.tolist()

    @cached_property
    def _blocks(self) -> dict[int, Blocks]:
        return {}

    @cached_property
    def _crossings(self) -> dict[int, list[tuple[int, Tensor]]]:
        return {}

    def blocks(self, size: int) -> Blocks:
        """The same tokens cut into blocks of ``size``, whatever sequences they belong to."""
        if size not in self._blocks:
            self._blocks[size] = Blocks(self.sequence_index, size)
        return self._blocks[size]

    def crossings(self, width: int) -> list[tuple[int, Tensor]]:
        """For each lag 1 .. width - 1, the tokens whose lag-th predecessor is another sequence's.

        The tokens before the first sequence do not exist, so the first sequence has none.
        """
        if width not in self._crossings:
            self._crossings[width] = [(lag, self._crossing(lag)) for lag in range(1, width)]
        return self._crossings[width]

    def _crossing(self, lag: int) -> Tensor:
        near = (self.starts[1:, None] + torch.arange(lag, device=self.device)).flatten()
        near = near[near < self.total]
        # A sequence shorter than the lag lists tokens of its successors too: once is enough.
        near = near[(self._place[near] < lag)].unique()
        return near[near >= lag]


class Blocks:
    """Packed tokens in blocks of Q for the matrix-product form of a linear recurrence.

    A recurrence must not leak from one sequence into the next. Three masks say what may pass
    (B blocks; the last block is filled up with tokens of a sequence of their own):

    Attributes:
        causal: (B, Q, Q) float, 0 where token j reaches token i inside the block, else -inf.
        from_left: (B, Q) float, 1 where the state that enters the block reaches the token.
        to_right: (B, Q) float, 1 where the token reaches the state that leaves the block.
        through: (B,) float, 1 where the entering state reaches the leaving state.
    """

    def __init__(self, sequence_index: Tensor, size: int) -> None:
        total = sequence_index.numel()
        self.size = size
        self.count = -(-total // size)
        self.fill = self.count * size - total
        # -1 marks the filling: it belongs to no sequence. Before the first block there is -2.
        ids = F.pad(sequence_index, (0, self.fill), value=-1).view(self.count, size)
        before = F.pad(ids[:-1, -1], (1, 0), value=-2)
        last = ids[:, -1]
        same = ids.unsqueeze(2) == ids.unsqueeze(1)
        visible = same & torch.ones(size, size, dtype=torch.bool, device=ids.device).tril()
        self.causal = torch.zeros(visible.shape, device=ids.device).masked_fill_(
            ~visible, float("-inf")
        )
        self.from_left = (ids == before.unsqueeze(1)).float()
        self.to_right = (ids == last.unsqueeze(1)).float()
        self.through = (last == before).float()

    def split(self, x: Tensor) -> Tensor:
        """(T, ...) to (B, Q, ...); filled with zeros, a copy only where there is filling."""
        if self.fill:
            x = torch.cat([x, x.new_zeros(self.fill, *x.shape[1:])])
        return x.unflatten(0, (self.count, self.size))

    def join(self, x: Tensor) -> Tensor:
        """(B, Q, ...) back to (T, ...)."""
        return x.flatten(0, 1)[: self.count * self.size - self.fill]
