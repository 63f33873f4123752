"""Which sequences share a forward call, and the pooled vectors that it gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.heads.pieces import PooledPieces
from hnet_seq.heads.pooling import pool
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import stream
from hnet_seq.ops.packing import Packing
from modalities.base import Tokens


def length_batches(lengths: NDArray[np.int64], batch_tokens: int) -> Iterator[list[int]]:
    """Indices of each batch; similar lengths together, as packed attention likes them."""
    batch: list[int] = []
    held = 0
    # Longest first: a batch that does not fit in memory fails at once, not in the last minute.
    for index in np.argsort(-lengths, kind="stable").tolist():
        if batch and held + lengths[index] > batch_tokens:
            yield batch
            batch, held = [], 0
        batch.append(index)
        held += int(lengths[index])
    if batch:
        yield batch


def pooled(
    model: HNetLanguageModel,
    sequences: list[Tokens],
    poolings: Sequence[str],
    stage: int,
    batch_tokens: int,
    cache_limit: int,
    device: torch.device,
) -> list[torch.Tensor]:
    """Each pooling's vectors (S, D) of sequences that are one call, or of one that takes several.

    Raises:
        CacheLimitError: global attention over a long sequence would cache more than the limit.
    """
    if len(sequences) == 1 and len(sequences[0]) > batch_tokens and _causal(model):
        pieces = [PooledPieces(pooling, stage) for pooling in poolings]
        for call in stream(
            model, [("the sequence", sequences[0])], batch_tokens, cache_limit=cache_limit
        ):
            for piece in pieces:
                piece.add(call.output, call.packing.total)
        return [piece.vector().unsqueeze(0) for piece in pieces]
    packing = Packing.from_lengths([len(sequence) for sequence in sequences], device)
    ids = torch.from_numpy(np.concatenate(sequences)).to(device).long()
    output = model.encode(ids, packing)
    return [pool(output, packing.cu_seqlens, pooling, stage) for pooling in poolings]


def _causal(model: HNetLanguageModel) -> TypeGuard[HNetForCausalLM]:
    return isinstance(model, HNetForCausalLM)
