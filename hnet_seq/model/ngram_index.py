"""Which row of a table belongs to the n tokens that end at a position.

A table has a row for each of ``symbols ** n`` n-grams where those are not more than its rows, and
else n-grams share rows by a hash. No n-gram reaches over a sequence's start: where too few tokens
stand before a position, it has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hnet_seq.model.ngram_tables import NgramTables
from hnet_seq.ops.packing import Packing

# Odd 64-bit constants with well-spread bits, as the int64 that has them.
_BASE = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX = 0xD6E8FEB86659FD93 - (1 << 64)
_FIRST_BITS = (1 << 32) - 1


class NgramIndex:
    """Rows of several tables that lie one after the other.

    Args:
        orders: n of each table, distinct.
        rows: the most rows of a table.
        symbols: the ids that make up nearly all n-grams are ``0 .. symbols - 1``. N-grams with
            another id in them may share a row in an exact table too.

    Attributes:
        orders: K of them, ascending.
        rows: of each table.
        reach: tokens that a running state must keep.
    """

    def __init__(self, orders: Sequence[int], rows: int, symbols: int) -> None:
        self.orders = sorted(orders)
        self.symbols = symbols
        self.rows = [min(rows, symbols**order) for order in self.orders]
        self.reach = self.orders[-1] - 1
        self._exact = [symbols**order <= rows for order in self.orders]

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows)

    @torch.no_grad()
    def __call__(
        self,
        tokens: Tensor,
        packing: Packing,
        recent_tokens: Tensor | None = None,
        behind: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Look up every position.

        Args:
            tokens: (T,) int64.
            recent_tokens: (slots, at least ``reach + behind``) the last tokens of sequences that
                go on.
            behind: n-grams end as many tokens before a position.

        Returns:
            (T, K) int64 the row of each order's n-gram, and (T, K) whether there is one.
        """
        line, places = with_recent(tokens, packing, recent_tokens)
        rows: list[Tensor] = []
        known: list[Tensor] = []
        first = 0
        plain = torch.zeros_like(tokens)  # digits of a number in base ``symbols``
        mixed = torch.zeros_like(tokens)  # the same in a base that wraps around
        digit, base = 1, 1
        for lag in range(self.reach + 1):
            token = line[(places - behind - lag).clamp(min=0)]
            if digit <= max(self.rows):
                plain = plain + token * digit
            mixed = mixed + (token + 1) * base
            digit, base = digit * self.symbols, _wrapped(base * _BASE)
            if lag + 1 in self.orders:
                number = len(rows)
                row = plain if self._exact[number] else _spread(mixed)
                rows.append(row % self.rows[number] + first)
                known.append(packing.position >= lag + behind)
                first += self.rows[number]
        return torch.stack(rows, 1), torch.stack(known, 1)


def index_of(config: NgramTables, vocab_size: int) -> NgramIndex:
    """Where n-grams lie in the tables of a configuration."""
    return NgramIndex(config.orders, config.rows, config.symbols or vocab_size)


@torch.no_grad()
def remember(tokens: Tensor, packing: Packing, recent_tokens: Tensor) -> None:
    """Replace the last tokens (slots, reach) of sequences that went on, in place."""
    line, places = with_recent(tokens, packing, recent_tokens)
    lags = torch.arange(recent_tokens.shape[1] - 1, -1, -1, device=tokens.device)
    packing.scatter(recent_tokens, line[places[packing.ends].unsqueeze(1) - lags])


def with_recent(
    tokens: Tensor, packing: Packing, recent_tokens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Each sequence's tokens with those that a state has before them, and where they lie there."""
    places = torch.arange(packing.total, device=tokens.device)
    if recent_tokens is None:
        return tokens, places
    before = packing.gather(recent_tokens)
    reach = before.shape[1]
    places = places + (packing.sequence_index + 1) * reach
    line = tokens.new_empty(packing.total + before.numel())
    line[places] = tokens
    heads = packing.starts + torch.arange(packing.num_sequences, device=tokens.device) * reach
    line[heads.unsqueeze(1) + torch.arange(reach, device=tokens.device)] = before
    return line, places


def _spread(code: Tensor) -> Tensor:
    """(T,) int64 to numbers from 0 whose bits each depend on all of the code's."""
    for shift in (32, 29):
        code = (code ^ (code >> shift)) * _MIX
    return (code >> 32) & _FIRST_BITS


def _wrapped(value: int) -> int:
    """As int64 would have it."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
