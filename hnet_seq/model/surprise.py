"""Boundaries where counts of n-grams are unsure of the next token, or surprised by it.

Pagnoni et al. 2024 ("Byte Latent Transformer", section 2.3) begin a patch where a small model's
entropy of the next byte is high. The small model here is a mixture of counts: from the shortest
order to the longest, p_n = (c_n + a p_(n-1)) / (sum c_n + a), with p_0 uniform over the symbols
and a = sqrt(symbols). It reads nothing but the tokens before a position: the entropy of a token is
known before it is read, its surprisal once it is. Either way a chunk begins at the token itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.boundary_rules import RuleState
from hnet_seq.model.counted_text import CountedText
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.model.recent_tokens import remember
from hnet_seq.ops.packing import Packing

_UNIT = 1e6  # a threshold is an integer of millionths of a bit: no cast rounds it


class Surprise(CountedText):
    """Boundaries at the share ``rate`` of positions at which entropy or surprisal is highest.

    Attributes:
        threshold: () int64 in millionths of a bit, taken from training data that were not counted.
    """

    threshold: Tensor
    behind = 1

    def __init__(self, rule: BoundaryPolicy, vocab_size: int) -> None:
        super().__init__(rule.orders, rule.symbols or min(vocab_size, GAP), rule.counted)
        self.rule = rule
        self.register_buffer("threshold", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, tokens: Tensor, packing: Packing, state: RuleState | None = None) -> Tensor:
        """(T,) bool; arguments as for :func:`hnet_seq.model.boundary_rules.rule_boundaries`."""
        found = self.bits(tokens, packing, state)
        if state is not None:
            remember(tokens, packing, state["recent"])
        return (found * _UNIT).round().long() > self.threshold

    @torch.no_grad()
    def bits(self, tokens: Tensor, packing: Packing, state: RuleState | None = None) -> Tensor:
        """(T,) fp32 the entropy before each token, or its surprisal; 0 for what is no symbol."""
        recent = None if state is None else state["recent"]
        counts = self.counts(tokens, packing, recent).float()
        symbols = self.symbols
        p = counts.new_full((len(tokens), symbols), 1 / symbols)
        for order in range(counts.shape[1]):
            seen = counts[:, order]
            p = (seen + symbols**0.5 * p) / (seen.sum(1, keepdim=True) + symbols**0.5)
        if self.rule.policy == "entropy":
            return -(p * p.log2()).sum(1)
        is_symbol = tokens < symbols
        own = p.gather(1, torch.where(is_symbol, tokens, 0).unsqueeze(1)).squeeze(1)
        return torch.where(is_symbol, -own.log2(), 0)

    @torch.no_grad()
    def fit(self, bits: Tensor) -> None:
        """Set the threshold that leaves the wanted share of these values above it."""
        if bits.numel():
            ordered = bits.sort(descending=True).values
            place = min(int(self.rule.rate * bits.numel()), bits.numel() - 1)
            self.threshold.fill_(round(float(ordered[place]) * _UNIT))
