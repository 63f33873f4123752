"""Counts of n-grams as an input: what a Markov model of each order knows, from the first step.

The counts have no gradient. They are taken from the training data before training, see
:mod:`hnet_seq.train.counting`, and the network learns what they are worth where: a mixture of all
orders, gated by what the model has read.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hnet_seq.model.linear import Linear
from hnet_seq.model.ngram_memory import NgramTables
from hnet_seq.ops.packing import Packing

_PRIOR = 0.5  # sightings of each symbol before any
_MUCH = 8.0  # log of sightings


class NgramCounts(nn.Module):
    """How often each symbol followed the n-grams that end at a position, as a vector.

    Of each order: the logarithms of the counts with a prior of half a sighting, centred, which is
    what an order-n Markov model adds to the logits; and the logarithm of the sightings, which is
    how far to believe it.

    Args:
        config: with at least one order.
        vocab_size: ids of tokens.
        d_model: D, the width of the embeddings.

    Attributes:
        counts: (R, symbols) int32 of all tables, one after the other.
        held_out: (R, symbols) int32 what is taken off them while training, or None.
    """

    counts: Tensor

    def __init__(self, config: NgramTables, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.index = config.index(vocab_size)
        symbols = self.index.symbols
        self.register_buffer("counts", torch.zeros(self.index.total, symbols, dtype=torch.int32))
        self.held_out: Tensor | None = None
        self.projection = Linear(len(config.orders) * (symbols + 1), d_model, bias=False)
        self.init_std = 0.1

    def forward(
        self, tokens: Tensor, packing: Packing, recent_tokens: Tensor | None = None
    ) -> Tensor:
        """(T,) int64 to (T, D); arguments as for :meth:`NgramMemory.forward`."""
        rows, known = self.index(tokens, packing, recent_tokens)
        with torch.no_grad():
            counts = self.counts[rows]  # (T, K, symbols)
            if self.training and self.held_out is not None:
                counts -= self.held_out[rows]
            counts = counts.clamp_(min=0) * known.unsqueeze(2)
            evidence = (counts + _PRIOR).log_()
            evidence -= evidence.mean(2, keepdim=True)
            sightings = counts.sum(2, keepdim=True).float().log1p_().div_(_MUCH)
            features = torch.cat([evidence, sightings], 2).flatten(1)
        projected: Tensor = self.projection(features)
        return projected

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
