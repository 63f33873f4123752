"""A hashed n-gram memory: for each order n, a learned vector of the last n tokens.

What counting knows, a network learns slowly: which token follows which few. Tables of embeddings of
the last n tokens, added to the token's own, hold that (Pagnoni et al. 2024, "Byte Latent
Transformer", section 3.2.1, adds hashed n-gram embeddings of bytes in the same place). Here the
vectors of all orders stand side by side and one linear map brings them to the model's width. Tables
start at zero: an n-gram that no training token has touched adds nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.model.linear import Linear
from hnet_seq.model.ngram_index import index_of
from hnet_seq.model.ngram_tables import NgramMemoryTables
from hnet_seq.model.soft_tokens import SoftTokens
from hnet_seq.ops.packing import Packing


class NgramMemory(nn.Module):
    """Learned vectors of n-grams, to be added to the token embeddings.

    A causal model looks at the n tokens that end at a position. A bidirectional one looks at the n
    before it and the n behind it, read towards it, in the same tables: its own token may be hidden.
    Where both strands are packed, each has the n before it: those behind are the other strand's.

    Args:
        config: with at least one order.
        vocab_size: ids of tokens.
        d_model: D, the width of the embeddings.
        bidirectional: both sides.

    Attributes:
        tables: (R, W) the rows of all tables, one after the other; zero at first.
    """

    def __init__(
        self,
        config: NgramMemoryTables,
        vocab_size: int,
        d_model: int,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.index = index_of(config, vocab_size)
        self.reach = self.index.reach
        self.bidirectional = bidirectional
        self.sparse = True  # gradients of the tables: the rows that were looked up
        self.tables = nn.Parameter(torch.zeros(self.index.total, config.width))
        self.projection = Linear(len(config.orders) * config.width, d_model, bias=False)
        self.init_std = config.width**-0.5  # a row that is known moves a vector as far as itself

    def forward(
        self,
        tokens: Tensor,
        packing: Packing,
        recent_tokens: Tensor | None = None,
        soft: SoftTokens | None = None,
    ) -> Tensor:
        """The memory's part of each position's vector.

        Args:
            tokens: (T,) int64.
            packing: no n-gram reaches over a sequence's start.
            recent_tokens: (slots, reach) of sequences that go on.
            soft: what the tokens are the likeliest of, see :mod:`hnet_seq.model.soft_tokens`.

        Returns:
            (T, D).
        """
        if soft is not None:
            around = (self.reach + 1, self.reach + 1) if self.bidirectional else (self.reach, 0)
            values = (self(tokens, packing),)
            (vectors,) = soft.expand(
                values, lambda changed: (self(changed, packing),), tokens, packing, *around
            )
            return vectors
        if self.bidirectional:
            vectors = self._before(tokens, packing)
            if not packing.both_strands:
                vectors = vectors + self._before(tokens, packing, packing.reversal)
        else:
            vectors = self._look_up(*self.index(tokens, packing, recent_tokens))
        projected: Tensor = self.projection(vectors)
        return projected

    def _before(self, tokens: Tensor, packing: Packing, order: Tensor | None = None) -> Tensor:
        """(T, K W): n-grams that end one before each position, read in an order of positions."""
        if order is not None:
            tokens = tokens.index_select(0, order)
        rows, known = self.index(tokens, packing)
        rows = F.pad(rows[:-1], (0, 0, 1, 0))
        known = F.pad(known[:-1], (0, 0, 1, 0)) & (packing.place > 0).unsqueeze(1)
        vectors = self._look_up(rows, known)
        # Reading backwards is its own inverse.
        return vectors if order is None else vectors.index_select(0, order)

    def _look_up(self, rows: Tensor, known: Tensor) -> Tensor:
        """(T, K) rows, where ``known``, to (T, K W)."""
        vectors = F.embedding(rows, self.tables, sparse=self.sparse)
        return torch.where(known.unsqueeze(2), vectors, 0).flatten(1)
