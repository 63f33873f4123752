"""One vector per sequence from packed vectors, without padding: means over chunks and bases, last.

Shapes: T packed vectors of width D, S sequences; every sequence has at least one vector. Sums are
taken in fp64 whatever the vectors' type, each sequence by itself, so that a result does not depend
on what else is packed: a running sum in fp32 stops growing where a term is half its last digit,
which for ones is at 16,777,216.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hnet_seq.heads.names import FROM_ONE_END, POOLINGS
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.hnet import HNetOutput


def mean_pool(vectors: Tensor, cu_seqlens: Tensor) -> Tensor:
    """(T, D) and (S + 1,) to the mean of each sequence, (S, D) fp32."""
    lengths = cu_seqlens.diff().long()
    return (segment_sum(vectors, lengths) / lengths.unsqueeze(1)).float()


def weighted_mean_pool(vectors: Tensor, weights: Tensor, cu_seqlens: Tensor) -> Tensor:
    """The mean of each sequence, each vector counted by its weight; (S, D) fp32.

    Args:
        vectors: (T, D).
        weights: (T,) >= 0, with a positive sum in every sequence.
        cu_seqlens: (S + 1,).
    """
    lengths = cu_seqlens.diff().long()
    weights = weights.double().unsqueeze(1)
    return (segment_sum(vectors * weights, lengths) / segment_sum(weights, lengths)).float()


def last_pool(vectors: Tensor, cu_seqlens: Tensor) -> Tensor:
    """(T, D) and (S + 1,) to the last vector of each sequence, (S, D) fp32."""
    return vectors.index_select(0, cu_seqlens[1:].long() - 1).float()


def early_pool(vectors: Tensor, cu_seqlens: Tensor, position: int) -> Tensor:
    """(T, D) and (S + 1,) to the vector at ``position`` of each sequence, (S, D) fp32.

    Of a sequence that ends before it, the last one.
    """
    bounds = cu_seqlens.long()
    return vectors.index_select(0, torch.minimum(bounds[:-1] + position, bounds[1:] - 1)).float()


def chunk_bases(boundary_masks: Sequence[Tensor], cu_seqlens: Tensor) -> tuple[Tensor, Tensor]:
    """How many tokens of the raw sequence each chunk of a stage covers.

    Args:
        boundary_masks: of stages 0 .. s, (T_0,), (T_1,) ...; position t of stage i + 1 is the
            t-th True of stage i. The first position of every sequence is True.
        cu_seqlens: (S + 1,) of the raw tokens.

    Returns:
        (T_{s+1},) int64 tokens of each chunk of stage s, and (S + 1,) int64 ``cu_seqlens`` of
        these chunks.
    """
    start = torch.nonzero(boundary_masks[0]).squeeze(1)
    for mask in boundary_masks[1:]:
        start = start[mask]
    bounds = cu_seqlens.long()
    # A sequence begins a chunk in every stage, so the next chunk's start ends each chunk.
    lengths = torch.cat([start, bounds[-1:]]).diff()
    return lengths, torch.searchsorted(start, bounds)


def pool(output: HNetOutput, cu_seqlens: Tensor, pooling: str, stage: int = -1) -> Tensor:
    """One vector per sequence from what an H-Net returned, (S, D) fp32.

    Args:
        output: of packed sequences.
        cu_seqlens: (S + 1,) of the raw tokens.
        pooling: ``chunks``, the mean over the inner network's output at the chunks of ``stage``;
            ``chunks_weighted``, the same, each chunk counted by its tokens; ``bases``, the mean
            over the final hidden states; ``last``, the final hidden state of the last token.
        stage: whose chunks, from the outside in; -1 is the innermost.

    Raises:
        ValueError: an unknown pooling, or chunks of a stage that the model does not have.
    """
    if pooling == "bases":
        return mean_pool(output.hidden, cu_seqlens)
    if pooling == "last":
        return last_pool(output.hidden, cu_seqlens)
    if pooling not in POOLINGS:
        raise ValueError(f"unknown pooling {pooling!r}; known: {', '.join(POOLINGS)}")
    vectors, lengths, chunk_cu_seqlens = stage_chunks(output, cu_seqlens, stage)
    if pooling == "chunks":
        return mean_pool(vectors, chunk_cu_seqlens)
    return weighted_mean_pool(vectors, lengths, chunk_cu_seqlens)


def same_on_both_strands(shape: HNetConfig, *poolings: str | None) -> bool:
    """Whether a second reading, of the reverse complement, would say nothing new.

    Args:
        shape: of the model.
        poolings: of its vectors; None is one vector for each chunk or base.
    """
    return shape.strand_symmetric and not any(pooling in FROM_ONE_END for pooling in poolings)


def stage_chunks(
    output: HNetOutput, cu_seqlens: Tensor, stage: int = -1
) -> tuple[Tensor, Tensor, Tensor]:
    """The chunks of one stage: vectors (K, D), tokens of each (K,), and their ``cu_seqlens``.

    Args:
        cu_seqlens: (S + 1,) of the raw tokens.
        stage: from the outside in; -1 is the innermost.

    Raises:
        ValueError: the model does not have that stage.
    """
    stages = len(output.chunks)
    if not -stages <= stage < stages:
        raise ValueError(f"no chunks of stage {stage}: the model has {stages} stages of chunking")
    masks = [record.boundary_mask for record in output.boundaries[: stage % stages + 1]]
    lengths, chunk_cu_seqlens = chunk_bases(masks, cu_seqlens)
    return output.chunks[stage], lengths, chunk_cu_seqlens


def segment_sum(values: Tensor, lengths: Tensor) -> Tensor:
    """(T, ...) and (S,) to the sum of each sequence, (S, ...) fp64."""
    # unsafe spares a check of the lengths on the host.
    return torch.segment_reduce(values.double(), "sum", lengths=lengths, axis=0, unsafe=True)
