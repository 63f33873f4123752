"""How often each symbol followed any n symbols of a text: exact, for all n at once.

The contexts of all places of the text, each read backwards from its place, stand sorted, as in a
suffix array (Manber, Myers 1993) of the reversed text. Those that end in the same n symbols then
follow each other, and counting what came after them is two searches and a difference of running
counts. A context is one number of 63 bits at most, which bounds the longest n.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: What is no symbol, between the sequences of a text.
GAP = 255
_KEY_BITS = 62
_BUCKET_BITS = 22
_BLOCK = 64  # places between two stored running counts


class ContextIndex:
    """Counts of what followed.

    Args:
        text: (M,) uint8; what is not below ``symbols`` ends a context and is not counted.
        symbols: S, at most 255.
        longest: n of the longest context, at most :func:`longest_context`.
    """

    def __init__(self, text: Tensor, symbols: int, longest: int) -> None:
        self.symbols = symbols
        self.longest = longest
        self._bits = symbol_bits(symbols)
        contexts, length = self.contexts(text.long())
        follows = (length[:-1] > 0) & (text[1:] < symbols)
        self._contexts, order = contexts[:-1][follows].sort()
        self._next = text[1:][follows][order]
        self._running = self._running_counts()
        self._buckets, self._bucket_shift = self._starts_of_buckets()

    @property
    def size(self) -> int:
        """Contexts of the text."""
        return len(self._contexts)

    def contexts(self, line: Tensor) -> tuple[Tensor, Tensor]:
        """Of each place of a line (L,) int64, the context that ends there.

        Returns:
            (L,) int64, the last symbol + 1 in the highest bits, 0 where none stands; and (L,)
            int64 how many symbols stand in a row, that one included.
        """
        places = torch.arange(1, len(line) + 1, device=line.device)
        is_symbol = (line >= 0) & (line < self.symbols)
        length = places - torch.where(is_symbol, 0, places).cummax(0).values
        contexts, count = torch.where(is_symbol, line + 1, 0), 1
        while count < self.longest:
            # Those of ``more`` symbols behind those of ``count``, as far as they are of one run.
            more = min(count, self.longest - count)
            before = contexts >> (self._bits * (count - more))
            contexts = contexts << (self._bits * more)
            contexts[count:] += torch.where(length[count:] > count, before[:-count], 0)
            count += more
        return contexts, length

    def counts(self, contexts: Tensor, known: Tensor, orders: list[int]) -> Tensor:
        """What followed the last n symbols of contexts.

        Args:
            contexts: (T,) of :meth:`contexts`.
            known: (T,) how many symbols they have.
            orders: K of n, ascending, none above ``longest``.

        Returns:
            (T, K, S) int32; 0 where fewer than n are known.
        """
        found = torch.zeros(
            len(contexts), len(orders), self.symbols, dtype=torch.int32, device=contexts.device
        )
        left = torch.arange(len(contexts), device=contexts.device)
        for number, order in enumerate(orders):
            left = left[known[left] >= order]
            first, last = self._range(contexts[left], order)
            # What n symbols never followed, more of them did not either.
            there = last > first
            left, first, last = left[there], first[there], last[there]
            found[left, number] = self._before(last) - self._before(first)
        return found

    def _range(self, contexts: Tensor, order: int) -> tuple[Tensor, Tensor]:
        """First and last + 1 of the sorted contexts with the same last symbols."""
        shift = self._bits * (self.longest - order)
        prefix = contexts >> shift
        if shift >= self._bucket_shift:
            widen = shift - self._bucket_shift
            first, last = self._buckets[torch.stack([prefix, prefix + 1]) << widen].long()
            return first, last
        edges = torch.stack([prefix, prefix + 1]) << shift
        first, last = torch.searchsorted(self._contexts, edges)
        return first, last

    def _before(self, places: Tensor) -> Tensor:
        """(Q, S) int32 what followed the first so many of the sorted contexts."""
        block = places // _BLOCK
        found = self._running[block]
        within = torch.arange(_BLOCK, device=places.device)
        at = (block * _BLOCK).unsqueeze(1) + within
        counted = at < places.unsqueeze(1)
        followed = self._next[at.clamp(max=max(0, len(self._next) - 1))].long()
        return found.scatter_add_(1, followed, counted.int())

    def _running_counts(self) -> Tensor:
        """(blocks + 1, S) int32 what followed the contexts before each block."""
        blocks = len(self._next) // _BLOCK + 1
        block = torch.arange(len(self._next), device=self._next.device) // _BLOCK
        number = block * self.symbols + self._next
        own = torch.bincount(number, minlength=blocks * self.symbols).view(blocks, self.symbols)
        return (own.cumsum(0) - own).int()

    def _starts_of_buckets(self) -> tuple[Tensor, int]:
        """Where contexts with each beginning start, and how many bits that leaves."""
        bits = min(_BUCKET_BITS, max(1, self.size.bit_length()))
        width = self._bits * max(1, min(self.longest, bits // self._bits))
        shift = self._bits * self.longest - width
        edges = torch.arange((1 << width) + 1, device=self._contexts.device) << shift
        return torch.searchsorted(self._contexts, edges, out_int32=True), shift


def symbol_bits(symbols: int) -> int:
    """Bits of a symbol, or none, in a context."""
    return symbols.bit_length()


def longest_context(symbols: int) -> int:
    """The most symbols of a context."""
    return _KEY_BITS // symbol_bits(symbols)


def index_bytes(tokens: int, symbols: int) -> int:
    """Of an index of a text of so many tokens, with the text."""
    return tokens * (1 + 8 + 1 + 4 * symbols // _BLOCK) + (4 << _BUCKET_BITS)
