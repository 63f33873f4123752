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

    Args:
        config: with at least one order; ``tokens`` follows the text.
        vocab_size: V, ids of tokens.
        d_model: D, the width of the embeddings.

    Attributes:
        text: (M,) uint8 what is counted, see :class:`hnet_seq.model.context_index.ContextIndex`.
        weights: (K, 2 levels) of each order's evidence; before 2 symbols or more, and always before
            the same.
        gate: (K, D) hidden states to what is added to the factor 1 of each order.
        index: counts of the text.
        held_out: counts of a part of it, which are taken off while training; or None.
    """

    text: Tensor

    def __init__(self, config: NgramCountsConfig, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.orders = sorted(config.orders)
        self.symbols = config.symbols or min(vocab_size, GAP)
        self.reach = self.orders[-1] - 1
        self.register_buffer("text", torch.full((config.tokens,), GAP, dtype=torch.uint8))
        orders = len(self.orders)
        self.weights = nn.Parameter(torch.full((orders, 2 * _LEVELS), orders**-0.5))
        self.projection = Linear(orders * (self.symbols + 1), d_model, bias=False)
        self.init_std = 0.1
        self.gate = nn.Parameter(torch.zeros(orders, d_model))
        self.held_out: ContextIndex | None = None
        self._made: tuple[Tensor, int, ContextIndex] | None = None

    @property
    def index_bytes(self) -> int:
        """Of what is made from the text, at most, and of the text."""
        return index_bytes(self.config.tokens, self.symbols)

    @property
    def index(self) -> ContextIndex:
        """Of the text; made where it is first asked for, and anew where the text is another."""
        made = self._made
        if made is None or made[0] is not self.text or made[1] != self.text._version:
            made = self._made = (self.text, self.text._version, self._indexed(self.text))
        return made[2]

    def count(self, text: Tensor) -> None:
        """Count another text."""
        self.text = text
        self.config.tokens = len(text)

    def hold_out(self, text: Tensor | None) -> None:
        """Take the counts of a part of the text off while training; None: of nothing."""
        self.held_out = None if text is None else self._indexed(text)

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
        index = self.index
        line, places = with_recent(tokens, packing, recent_tokens)
        contexts, known = index.contexts(line)
        contexts, known = contexts[places], torch.minimum(known[places], packing.position + 1)
        counts = index.counts(contexts, known, self.orders)
        if self.training and self.held_out is not None:
            counts -= self.held_out.counts(contexts, known, self.orders)
            counts.clamp_(min=0)
        total = counts.sum(2)
        evidence = counts + self._priors(index.size).unsqueeze(1)
        evidence = evidence.log_()
        evidence -= evidence.mean(2, keepdim=True)
        level = (total + 1).log2().long().clamp_(max=_LEVELS - 1)
        level += _LEVELS * (counts.amax(2) == total)
        return evidence, total.float().log1p_().div_(_MUCH), level

    def _priors(self, size: int) -> Tensor:
        recurring = [self.symbols**order <= size for order in self.orders]
        chosen = [_PRIORS[0 if often else 1] for often in recurring]
        return torch.tensor(chosen, device=self.text.device) / self.symbols

    def _indexed(self, text: Tensor) -> ContextIndex:
        return ContextIndex(text, self.symbols, self.orders[-1])
