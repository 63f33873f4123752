"""Counts of n-grams: what compressors of DNA mix, before a model and behind it.

How often each symbol followed the last n tokens in the training data, for several n, is what
context mixing combines, see :mod:`hnet_seq.evidence.baselines.context_mixing`. Here the mixture is
added to the logits, so that a model begins where counting ends, and the network reads the counts
too. The weights are learned: one for each order and level of evidence, that is for how often its
n-gram was seen, and whether always before the same symbol; and the network raises or lowers the
weight of each order at each position.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hnet_seq.model.counted_text import CountedText
from hnet_seq.model.linear import Linear
from hnet_seq.model.ngram_tables import GAP, NgramCountsConfig
from hnet_seq.model.soft_tokens import SoftTokens
from hnet_seq.ops.packing import Packing

_PRIORS = 1.6, 0.24  # sightings of all symbols before any: of n-grams that mostly recur, and others
_LEVELS = 12  # of sightings, by their logarithm to base 2
_MUCH = 8.0  # log of sightings


class NgramCounts(CountedText):
    """What counting says at each position, as a vector and as logits.

    K below is the number of orders, or of the orders of all parts of the text one after the other.

    Args:
        config: with at least one order; ``tokens`` follows the text.
        vocab_size: V, ids of tokens.
        d_model: D, the width of the embeddings.

    Attributes:
        weights: (K, 2 levels) of each order's evidence; before 2 symbols or more, and always before
            the same.
        gate: (K, D) hidden states to what is added to the factor 1 of each order.
    """

    def __init__(self, config: NgramCountsConfig, vocab_size: int, d_model: int) -> None:
        symbols = config.symbols or min(vocab_size, GAP)
        super().__init__(config.orders, symbols, config.tokens, config.parts)
        self.vocab_size = vocab_size
        self.reach = self.orders[-1] - 1
        experts = len(self.orders) * self.parts
        self.weights = nn.Parameter(torch.full((experts, 2 * _LEVELS), experts**-0.5))
        self.projection = Linear(experts * (self.symbols + 1), d_model, bias=False)
        self.init_std = 0.1
        self.gate = nn.Parameter(torch.zeros(experts, d_model))

    def forward(
        self,
        tokens: Tensor,
        packing: Packing,
        recent_tokens: Tensor | None = None,
        soft: SoftTokens | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What counts say of each position.

        Arguments as for :meth:`hnet_seq.model.ngram_memory.NgramMemory.forward`.

        Returns:
            (T, D) for the vector of a position, and (T, K, symbols) for :meth:`logits`.
        """
        if soft is not None:
            values = self(tokens, packing)
            vector, weighted = soft.expand(
                values,
                lambda changed: self._as_counted(changed, packing),
                tokens,
                packing,
                self.reach,
            )
            return vector, weighted
        with torch.no_grad():
            evidence, sightings, level = self._evidence(tokens, packing, recent_tokens)
        weight = self.weights[torch.arange(len(self.weights), device=level.device), level]
        weighted = weight.unsqueeze(2) * evidence
        return self.projection(torch.cat([weighted.flatten(1), sightings], 1)), weighted

    def _as_counted(self, tokens: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
        """With no sighting left out: a base that is another one stands nowhere in the text."""
        before, self.leaves_out = self.leaves_out, False
        try:
            vector, weighted = self(tokens, packing)
            return vector, weighted
        finally:
            self.leaves_out = before

    def logits(self, weighted: Tensor, hidden: Tensor) -> Tensor:
        """What is added to the logits.

        Args:
            weighted: (T, K, symbols) of :meth:`forward`.
            hidden: (T, D) what the network made of the position.

        Returns:
            (T, V) fp32 that is 0 for what is no symbol.
        """
        factor = 1 + hidden.float() @ self.gate.float().t()
        logits = weighted.new_zeros(len(weighted), self.vocab_size)
        logits[:, : self.symbols] = torch.einsum("tk,tks->ts", factor, weighted)
        return logits

    def _evidence(
        self, tokens: Tensor, packing: Packing, recent_tokens: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Centred log counts (T, K, symbols), log sightings (T, K) and levels (T, K)."""
        counts = self.counts(tokens, packing, recent_tokens)
        total = counts.sum(2)
        evidence = counts + self._priors().unsqueeze(1)
        evidence = evidence.log_()
        evidence -= evidence.mean(2, keepdim=True)
        level = (total + 1).log2().long().clamp_(max=_LEVELS - 1)
        level += _LEVELS * (counts.amax(2) == total)
        return evidence, total.float().log1p_().div_(_MUCH), level

    def _priors(self) -> Tensor:
        """(K,) sightings of each symbol before any."""
        recurring = [self.symbols**n <= index.size for index in self.indexes for n in self.orders]
        priors = [_PRIORS[0 if often else 1] / self.symbols for often in recurring]
        return torch.tensor(priors, device=self.text.device)
