"""How often each symbol followed the last n tokens, for several n: tables without a gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hnet_seq.model.ngram_index import index_of
from hnet_seq.model.ngram_tables import NgramTables
from hnet_seq.ops.packing import Packing


class NgramSightings(nn.Module):
    """Counts, of the training data, taken before training (:mod:`hnet_seq.train.counting`).

    Args:
        config: with at least one order.
        vocab_size: V, ids of tokens.

    Attributes:
        counts: (R, symbols) int32 of all tables, one after the other.
        held_out: (R, symbols) int32 what is taken off them while training, or None.
    """

    counts: Tensor

    def __init__(self, config: NgramTables, vocab_size: int) -> None:
        super().__init__()
        self.index = index_of(config, vocab_size)
        shape = (self.index.total, self.index.symbols)
        self.register_buffer("counts", torch.zeros(shape, dtype=torch.int32))
        self.held_out: Tensor | None = None

    def sightings(self, rows: Tensor, known: Tensor) -> Tensor:
        """(T, K, symbols) fp32 the counts of rows (T, K), 0 where not ``known``."""
        counts = self.counts[rows].float()
        if self.training and self.held_out is not None:
            counts -= self.held_out[rows]
        return counts.clamp_(min=0) * known.unsqueeze(2)

    @torch.no_grad()
    def add(self, tokens: Tensor, targets: Tensor, packing: Packing, to: Tensor) -> None:
        """Count what follows each n-gram.

        Args:
            tokens: (T,) int64.
            targets: (T,) int64 what follows; anything that is no symbol is not counted.
            to: (R, symbols) int32, ``counts`` or others of the same tables; in place.
        """
        rows, known = self.index(tokens, packing)
        symbols = self.index.symbols
        counted = known & ((targets >= 0) & (targets < symbols)).unsqueeze(1)
        places = (rows * symbols + targets.unsqueeze(1))[counted]
        to.view(-1).index_add_(0, places, torch.ones_like(places, dtype=torch.int32))


def counted_tables(model: nn.Module) -> list[NgramSightings]:
    """All that a model has, in the order of its modules."""
    return [module for module in model.modules() if isinstance(module, NgramSightings)]
