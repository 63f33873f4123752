"""How often each symbol followed any n symbols of a text: exact, for all n at once.

The contexts of all places of the text, each read backwards from its place, stand sorted, as in a
suffix array (Manber, Myers 1993) of the reversed text. Those that end in the same n symbols then
follow each other, and counting what came after them is two searches and a difference of running
counts. A context is one number of 63 bits at most, which bounds the longest n.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.model.ngram_tables import symbol_bits
from hnet_seq.ops.native import call
from hnet_seq.ops.native.build import why_not

_BUCKET_BITS = 22
_AT_ONCE = 1 << 20  # places of the text


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
        self._block = _block(symbols)
        parts = [self._followed(text, start) for start in range(0, max(1, len(text)), _AT_ONCE)]
        contexts, following = (torch.cat(part) for part in zip(*parts, strict=True))
        del parts
        self._contexts, order = contexts.sort()
        self._next = F.pad(following[order], (0, self._block))  # the last block is whole
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
        if contexts.is_cpu and why_not() is None:
            self._count(contexts, known, orders, found)
        else:
            self._search(contexts, known, orders, found)
        return found

    def _count(self, contexts: Tensor, known: Tensor, orders: list[int], found: Tensor) -> None:
        """:meth:`counts` in one pass, by a kernel."""
        queries = len(contexts), contexts.contiguous(), known.contiguous()
        wanted = len(orders), torch.tensor(orders), self._bits, self.longest
        text = self._contexts, self._next, self._running, self._block, self.symbols
        call("context_counts", *queries, *wanted, *text, self._buckets, self._bucket_shift, found)

    def _search(self, contexts: Tensor, known: Tensor, orders: list[int], found: Tensor) -> None:
        """:meth:`counts` order by order, on any device."""
        left = contexts.argsort()  # places of memory near each other are looked up together
        for number, order in enumerate(orders):
            left = left[known[left] >= order]
            first, last = self._range(contexts[left], order)
            # What n symbols never followed, more of them did not either.
            there = last > first
            left = left[there]
            before = self._before(torch.cat([first[there], last[there]]))
            found[left, number] = before[len(left) :] - before[: len(left)]

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
        block = places // self._block
        within = torch.arange(self._block, device=places.device)
        followed = self._next[(block * self._block).unsqueeze(1) + within].long()
        counted = within < (places % self._block).unsqueeze(1)
        return self._running[block].scatter_add_(1, followed, counted.int())

    def _followed(self, text: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Contexts (N,) that a symbol follows, of a stretch of the text; and (N,) uint8 which."""
        first = max(0, start - self.longest)
        line = text[first : start + _AT_ONCE + 1]
        contexts, length = self.contexts(line.long())
        follows = (length[:-1] > 0) & (line[1:] < self.symbols)
        follows[: start - first] = False
        return contexts[:-1][follows], line[1:][follows]

    def _running_counts(self) -> Tensor:
        """(blocks + 1, S) int32 what followed the contexts before each block."""
        followed = self._next[: self.size]
        block = torch.arange(self.size, device=followed.device) // self._block
        number = block.mul_(self.symbols).add_(followed)
        blocks = self.size // self._block + 1
        own = torch.bincount(number, minlength=blocks * self.symbols)
        own = own.view(blocks, self.symbols).int()
        return own.cumsum(0, dtype=torch.int32).sub_(own)

    def _starts_of_buckets(self) -> tuple[Tensor, int]:
        """Where contexts with each beginning start, and how many bits that leaves."""
        bits = min(_BUCKET_BITS, max(1, self.size.bit_length()))
        width = self._bits * max(1, min(self.longest, bits // self._bits))
        shift = self._bits * self.longest - width
        edges = torch.arange((1 << width) + 1, device=self._contexts.device) << shift
        return torch.searchsorted(self._contexts, edges, out_int32=True), shift


def index_bytes(tokens: int, symbols: int) -> int:
    """Of an index of a text of so many tokens, with the text."""
    return tokens * (1 + 8 + 1 + 4 * symbols // _block(symbols)) + (4 << _BUCKET_BITS)


def _block(symbols: int) -> int:
    """Places between two stored running counts: such that those take few bytes a place."""
    return 16 if symbols <= 16 else 64
