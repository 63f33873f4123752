"""How much a step or a micro-batch has: what its means are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hnet_seq.train.ranks import summed_over_ranks
from pipelines.batches.token_batches import PackedBatch


@dataclass(frozen=True)
class Extent:
    """Tokens that are read, sequences, and what is scored: tokens of the shards, or labels."""

    tokens: int
    sequences: int
    scored: int

    @classmethod
    def of(cls, batches: Sequence[PackedBatch]) -> Extent:
        """Counted together, without idle ones."""
        batches = [batch for batch in batches if not batch.idle]
        return cls(
            tokens=sum(batch.letters for batch in batches),
            sequences=sum(batch.cu_seqlens.size - 1 for batch in batches),
            scored=sum(batch.scored for batch in batches),
        )

    def over_ranks(self) -> Extent:
        """That of all processes together."""
        own = torch.tensor([self.tokens, self.sequences, self.scored])
        return Extent(*summed_over_ranks(own).tolist())
