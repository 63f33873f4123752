"""Which sequences share a forward call, and the pooled vectors that it gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from hnet_seq.heads.pieces import PooledPieces
from hnet_seq.heads.pooling import pool
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.hnet import HNetOutput
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import stream
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.embedding.layers import Placed
from modalities.base import Tokens


def pooled(
    model: HNetLanguageModel,
    sequences: list[Tokens],
    poolings: Sequence[str],
    stage: int,
    batch_tokens: int,
    cache_limit: int,
    device: torch.device,
    placed: Placed = lambda output: output,
) -> list[torch.Tensor]:
    """Each pooling's vectors (S, D) of sequences that are one call, or of one that takes several.

    Args:
        placed: puts the vectors that are pooled in the output of a call.

    Raises:
        CacheLimitError: global attention over a long sequence would cache more than the limit.
    """
    if goes_in_pieces(model, sequences, batch_tokens):
        assert isinstance(model, HNetForCausalLM)
        pieces = [PooledPieces(pooling, stage) for pooling in poolings]
        for call in stream(
            model, [("the sequence", sequences[0])], batch_tokens, cache_limit=cache_limit
        ):
            output = placed(call.output)
            for piece in pieces:
                piece.add(output, call.packing.total)
        return [piece.vector().unsqueeze(0) for piece in pieces]
    output, packing = one_call(model, sequences, device)
    output = placed(output)
    return [pool(output, packing.cu_seqlens, pooling, stage) for pooling in poolings]


def one_call(
    model: HNetLanguageModel, sequences: Sequence[Tokens], device: torch.device
) -> tuple[HNetOutput, Packing]:
    """The body's output over sequences laid end to end."""
    packing = Packing.from_lengths([len(sequence) for sequence in sequences], device)
    ids = torch.from_numpy(np.concatenate(sequences)).to(device).long()
    with left_out(model):
        return model.encode(ids, packing), packing


def goes_in_pieces(
    model: HNetLanguageModel, sequences: Sequence[Tokens], batch_tokens: int
) -> bool:
    """Whether these are one sequence too long for a call, of a model that has a running state."""
    return (
        len(sequences) == 1
        and len(sequences[0]) > batch_tokens
        and isinstance(model, HNetForCausalLM)
    )
