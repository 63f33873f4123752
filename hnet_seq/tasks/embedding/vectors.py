"""Vectors of sequences as functions: hidden states of a model, pooled over its learned chunks.

Poolings: ``chunks``, the mean over the inner network's output at the chunks of a stage;
``chunks_weighted``, the same with each chunk counted by its bases; ``bases``, the mean over the
final hidden states; ``last``, the final hidden state of the last base (docs/embedding.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.heads.pooling import same_on_both_strands
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import CACHE_LIMIT
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.choices import STRANDS, Strands
from hnet_seq.tasks.embedding.compute import pool_sequences
from hnet_seq.tasks.embedding.layer_choice import layer_of_pooling
from hnet_seq.tasks.embedding.layers import (
    check_batch_tokens,
    modality_of,
)
from hnet_seq.tasks.embedding.layers import check_modality as check_modality
from hnet_seq.train.predict import strand_table
from modalities.given import Given, named_sequences
from pipelines.progress import progress_bar


def embed(
    model: HNetLanguageModel,
    sequences: Given,
    *,
    pooling: str = "chunks",
    stage: int = -1,
    layer: str | None = None,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    cache_limit: int = CACHE_LIMIT,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> NDArray[np.float32]:
    """One vector for each sequence, in the order given: (N, D) float32.

    A vector depends on its sequence alone, up to rounding: batches are packed, nothing is padded.
    Held at a time are the tokens of all sequences, their vectors, and the activations of one
    batch. The model's mode and device are left as they were found.

    Args:
        sequences: one or many, see :func:`modalities.given.named_sequences`: a string is one
            sequence of letters of the model's modality; else a list of strings, of tokens (L,), or
            of (name, sequence).
        pooling: ``chunks``, ``chunks_weighted``, ``bases`` or ``last``, see
            :func:`hnet_seq.heads.pooling.pool`.
        stage: whose chunks, from the outside in; -1 is the innermost.
        layer: whose vectors, see :class:`hnet_seq.tasks.embedding.layers.Layer`; None is
            ``inner`` for a pooling over chunks, else ``final``.
        strands: ``none``, as given; or ``average``: the mean with the vector of the reverse
            complement, so that a sequence and its reverse complement have one vector.
        batch_tokens: bases of one forward call; a longer sequence goes through in pieces, with
            the vector of the whole (a bidirectional model takes it in one call).
        cache_limit: bytes that global attention may cache over a sequence in pieces.
        device: where to compute; None is the model's own accelerator, else a GPU if there is one,
            else the CPU.
        precision: of the forward calls, ``fp32``, or ``bf16`` for GPUs, see
            :mod:`hnet_seq.train.precision`.
        progress: show a bar.

    Raises:
        InputError: no sequences, an empty one, or one that is not of the modality, with its index.
        UsageError: an unknown pooling, stage, layer or strands, two strands of a modality that has
            one, or ``batch_tokens`` below 1.
    """
    vectors = embed_poolings(
        model,
        sequences,
        poolings=(pooling,),
        stage=stage,
        layer=layer,
        strands=strands,
        batch_tokens=batch_tokens,
        cache_limit=cache_limit,
        device=device,
        precision=precision,
        progress=progress,
    )
    return vectors[pooling]


def embed_poolings(
    model: HNetLanguageModel,
    sequences: Given,
    *,
    poolings: Sequence[str],
    stage: int = -1,
    layer: str | None = None,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    cache_limit: int = CACHE_LIMIT,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> dict[str, NDArray[np.float32]]:
    """Several poolings of the same forward calls, each (N, D); see :func:`embed`."""
    layers = {
        pooling: layer_of_pooling(model.config, pooling, stage, layer) for pooling in poolings
    }
    modality = modality_of(model)
    same = same_on_both_strands(model.config, *poolings)
    complement = strand_table(modality, strands, STRANDS, symmetric=same)
    check_batch_tokens(batch_tokens)
    given = named_sequences(sequences, modality, model.config.vocab_size)
    tokens = [own for _, own in given]
    unit = "base" if complement is not None else "token"
    with progress_bar("embed", sum(map(len, tokens)), unit=unit, progress=progress) as bar:
        return pool_sequences(
            model,
            tokens,
            layers,
            stage=stage,
            listened=layer is not None,
            complement=complement,
            batch_tokens=batch_tokens,
            cache_limit=cache_limit,
            device=device,
            precision=precision,
            on_tokens=bar.update,
        )


def check_pooling(model: HNetLanguageModel, pooling: str, stage: int) -> None:
    """Raise UsageError where the model cannot be pooled like that."""
    layer_of_pooling(model.config, pooling, stage)
