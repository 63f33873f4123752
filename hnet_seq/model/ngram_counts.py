"""Counts of n-grams: what compressors of DNA mix, before a model and behind it.

How often each symbol followed the last n tokens in the training data, for several n, is what
context mixing combines, see :mod:`hnet_seq.baselines.context_mixing`. Here the mixture is added to
the logits, so that a model begins where counting ends, and the network reads the counts too. The
weights are learned: one for each order and level of evidence, that is for how often its n-gram was
seen, and whether always before the same symbol; and the network raises or lowers the weight of each
order at each position. The counts have no gradient. They are taken from the training data, which a
model keeps, see :mod:`hnet_seq.train.counting`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hnet_seq.model.context_index import GAP, ContextIndex, index_bytes
from hnet_seq.model.linear import Linear
from hnet_seq.model.ngram_tables import NgramCountsConfig
from hnet_seq.model.recent_tokens import with_recent
from hnet_seq.ops.packing import Packing

_PRIORS = 1.6, 0.24  # sightings of all symbols before any: of n-grams that mostly recur, and others
_LEVELS = 12  # of sightings, by their logarithm to base 2
_MUCH = 8.0  # log of sightings


class NgramCounts(nn.Module):
    """What counting says at each position, as a vector and as logits.

    K below is the number of orders, or of the orders of all parts of the text one after the other.

    Args:
        config: with at least one order; ``tokens`` follows the text.
        vocab_size: V, ids of tokens.
        d_model: D, the width of the embeddings.

    Attributes:
        text: (M,) uint8 what is counted, see :class:`hnet_seq.model.context_index.ContextIndex`;
            all parts.
        weights: (K, 2 levels) of each order's evidence; before 2 symbols or more, and always before
            the same.
        gate: (K, D) hidden states to what is added to the factor 1 of each order.
        held_out: counts of a piece of each part, which are taken off while training; or None.
    """

    text: Tensor

    def __init__(self, config: NgramCountsConfig, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.orders = sorted(config.orders)
        self.symbols = config.symbols or min(vocab_size, GAP)
        self.reach = self.orders[-1] - 1
        self.register_buffer("text", torch.full((sum(config.tokens),), GAP, dtype=torch.uint8))
        experts = len(self.orders) * config.parts
        self.weights = nn.Parameter(torch.full((experts, 2 * _LEVELS), experts**-0.5))
        self.projection = Linear(experts * (self.symbols + 1), d_model, bias=False)
        self.init_std = 0.1
        self.gate = nn.Parameter(torch.zeros(experts, d_model))
        self.held_out: list[ContextIndex] | None = None
        self._made: tuple[Tensor, int, list[ContextIndex]] | None = None

    @property
    def indexes(self) -> list[ContextIndex]:
        """Of each part; made where first asked for, and anew where the text is another."""
        made = self._made
        if made is None or made[0] is not self.text or made[1] != self.text._version:
            texts = self.text.split(self.config.tokens or [0] * self.config.parts)
            made = self._made = (self.text, self.text._version, self._indexed(texts))
        return made[2]

    @property
    def index_bytes(self) -> int:
        """Of what is made from the text, at most, and of the text."""
        return sum(index_bytes(tokens, self.symbols) for tokens in self.config.tokens)

    def count(self, texts: Sequence[Tensor]) -> None:
        """Count other texts, one for each part."""
        self.text = torch.cat(list(texts))
        self.config.tokens = [len(text) for text in texts]

    def hold_out(self, texts: Sequence[Tensor] | None) -> None:
        """Take the counts of a piece of each part off while training; None: of nothing."""
        self.held_out = None if texts is None else self._indexed(texts)

    def forward(
        self, tokens: Tensor, packing: Packing, recent_tokens: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What counts say of each position.

        Arguments as for :meth:`hnet_seq.model.ngram_memory.NgramMemory.forward`.

        Returns:
            (T, D) for the vector of a position, and (T, K, symbols) for :meth:`logits`.
        """
        with torch.no_grad():
            evidence, sightings, level = self._evidence(tokens, packing, recent_tokens)
        weight = self.weights[torch.arange(len(self.weights), device=level.device), level]
        weighted = weight.unsqueeze(2) * evidence
        return self.projection(torch.cat([weighted.flatten(1), sightings], 1)), weighted

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
        indexes = self.indexes
        line, places = with_recent(tokens, packing, recent_tokens)
        contexts, known = indexes[0].contexts(line)
        contexts, known = contexts[places], torch.minimum(known[places], packing.position + 1)
        counts = self._counts(indexes, contexts, known)
        if self.training and self.held_out is not None:
            counts -= self._counts(self.held_out, contexts, known)
            counts.clamp_(min=0)
        total = counts.sum(2)
        evidence = counts + self._priors(indexes).unsqueeze(1)
        evidence = evidence.log_()
        evidence -= evidence.mean(2, keepdim=True)
        level = (total + 1).log2().long().clamp_(max=_LEVELS - 1)
        level += _LEVELS * (counts.amax(2) == total)
        return evidence, total.float().log1p_().div_(_MUCH), level

    def _counts(self, indexes: list[ContextIndex], contexts: Tensor, known: Tensor) -> Tensor:
        return torch.cat([index.counts(contexts, known, self.orders) for index in indexes], 1)

    def _priors(self, indexes: list[ContextIndex]) -> Tensor:
        """(K,) sightings of each symbol before any."""
        recurring = [
            self.symbols**order <= index.size for index in indexes for order in self.orders
        ]
        priors = [_PRIORS[0 if often else 1] / self.symbols for often in recurring]
        return torch.tensor(priors, device=self.text.device)

    def _indexed(self, texts: Sequence[Tensor]) -> list[ContextIndex]:
        return [ContextIndex(text, self.symbols, self.orders[-1]) for text in texts]
