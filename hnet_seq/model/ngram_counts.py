"""Counts of n-grams: what compressors of DNA mix, before a model and behind it.

How often each symbol followed the last n tokens in the training data, for several n, is what
context mixing combines, see :mod:`hnet_seq.baselines.context_mixing`. Here the mixture is added to
the logits, so that a model begins where counting ends, and the network reads the counts too. The
weights are learned: one for each order and level of evidence, that is for how often its n-gram was
seen, and whether always before the same symbol. The counts have no gradient. They are taken from
the training data before training, see :mod:`hnet_seq.train.counting`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hnet_seq.model.linear import Linear
from hnet_seq.model.ngram_sightings import NgramSightings
from hnet_seq.model.ngram_tables import NgramTables
from hnet_seq.ops.packing import Packing

_PRIOR = 0.4  # sightings of each symbol before any
_LEVELS = 12  # of sightings, by their logarithm to base 2
_MUCH = 8.0  # log of sightings


class NgramCounts(NgramSightings):
    """What counting says at each position, as a vector and as logits.

    Args:
        config: with at least one order.
        vocab_size: V, ids of tokens.
        d_model: D, the width of the embeddings.

    Attributes:
        weights: (K, 2 levels) of each order's evidence; before 2 symbols or more, and always before
            the same.
    """

    def __init__(self, config: NgramTables, vocab_size: int, d_model: int) -> None:
        super().__init__(config, vocab_size)
        self.vocab_size = vocab_size
        orders, symbols = len(config.orders), self.index.symbols
        self.weights = nn.Parameter(torch.full((orders, 2 * _LEVELS), orders**-0.5))
        self.projection = Linear(orders * (symbols + 1), d_model, bias=False)
        self.init_std = 0.1

    def forward(
        self, tokens: Tensor, packing: Packing, recent_tokens: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The counts' part of each position's vector and logits.

        Arguments as for :meth:`hnet_seq.model.ngram_memory.NgramMemory.forward`.

        Returns:
            (T, D), and (T, V) fp32 that is 0 for what is no symbol.
        """
        rows, known = self.index(tokens, packing, recent_tokens)
        with torch.no_grad():
            evidence, sightings, level = self._evidence(rows, known)
        weight = self.weights[torch.arange(len(self.weights), device=level.device), level]
        weighted = weight.unsqueeze(2) * evidence  # (T, K, symbols)
        vector = self.projection(torch.cat([weighted.flatten(1), sightings], 1))
        logits = weighted.new_zeros(len(tokens), self.vocab_size)
        logits[:, : self.index.symbols] = weighted.sum(1)
        return vector, logits

    def _evidence(self, rows: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Centred log counts (T, K, symbols), log sightings (T, K) and levels (T, K) of rows."""
        counts = self.sightings(rows, known)
        total = counts.sum(2)
        evidence = (counts + _PRIOR).log_()
        evidence -= evidence.mean(2, keepdim=True)
        level = (total + 1).log2_().long().clamp_(max=_LEVELS - 1)
        level += _LEVELS * (counts.amax(2) == total)
        return evidence, total.log1p().div_(_MUCH), level
