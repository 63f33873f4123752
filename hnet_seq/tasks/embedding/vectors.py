"""Vectors of sequences as functions: hidden states of a model, pooled over its learned chunks.

Poolings: ``chunks``, the mean over the inner network's output at the chunks of a stage;
``chunks_weighted``, the same with each chunk counted by its bases; ``bases``, the mean over the
final hidden states; ``last``, the final hidden state of the last base (docs/embedding.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray

import modalities
from hnet_seq.heads.base import HNetWithHead
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import CACHE_LIMIT
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.choices import STRANDS, Strands
from hnet_seq.tasks.embedding.layers import layer_of_pooling, listening
from hnet_seq.tasks.embedding.pooled_calls import pooled
from hnet_seq.train.labelled_batches import longest_first
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing, strand_table
from modalities import dna
from modalities.base import Modality, Tokens
from modalities.errors import InputError, UsageError
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
    layers = {pooling: layer_of_pooling(model, pooling, stage, layer) for pooling in poolings}
    modality = modality_of(model)
    complement = strand_table(modality, strands, STRANDS)
    check_batch_tokens(batch_tokens)
    given = named_sequences(sequences, modality, model.config.vocab_size)
    tokens = [own for _, own in given]
    vectors = {
        pooling: np.empty((len(tokens), found.width), np.float32)
        for pooling, found in layers.items()
    }
    heard = next(iter(layers.values())) if layer is not None and layers else None
    if heard is not None and heard.resolution:
        stage = heard.resolution - 1
    lengths = np.array([len(sequence) for sequence in tokens], np.int64)
    bar = progress_bar(
        "embed",
        int(lengths.sum()),
        unit="base" if complement is not None else "token",
        progress=progress,
    )
    hearing = nullcontext(lambda output: output) if heard is None else listening(model, heard)
    with bar, computing(model, device) as where, torch.inference_mode(), hearing as placed:

        def call(picked: list[Tokens]) -> list[torch.Tensor]:
            with computing_in(precision, where):
                return pooled(
                    model, picked, poolings, stage, batch_tokens, cache_limit, where, placed
                )

        for batch in longest_first(lengths, batch_tokens):
            picked = [tokens[index] for index in batch]
            found = call(picked)
            if complement is not None:
                other = call([complement[sequence[::-1]] for sequence in picked])
                found = [(one + two) / 2 for one, two in zip(found, other, strict=True)]
            for pooling, rows in zip(poolings, found, strict=True):
                vectors[pooling][batch] = rows.cpu().numpy()
            bar.update(int(lengths[batch].sum()))
    return vectors


def check_pooling(model: HNetLanguageModel, pooling: str, stage: int) -> None:
    """Raise UsageError where the model cannot be pooled like that."""
    layer_of_pooling(model, pooling, stage)


def check_batch_tokens(batch_tokens: int) -> None:
    """Raise UsageError below 1."""
    if batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")


def check_modality(model: HNetLanguageModel | HNetWithHead) -> None:
    """Raise InputError for a model that was trained on anything but DNA."""
    modality = model.metadata.get("modality", dna.DNA.name)
    if modality != dna.DNA.name or model.config.vocab_size < dna.DNA.vocab_size:
        raise InputError(
            None,
            f"the model reads {modality} with {model.config.vocab_size} tokens; "
            "expected one trained on DNA",
        )


def modality_of(model: HNetLanguageModel) -> Modality:
    """What the model reads; DNA where its checkpoint does not say.

    Raises:
        InputError: the model's vocabulary is too small for it.
    """
    name = model.metadata.get("modality", dna.DNA.name)
    modality = modalities.get(name)
    if model.config.vocab_size < modality.vocab_size:
        raise InputError(
            None,
            f"the model reads {name} with {model.config.vocab_size} tokens; expected "
            f"{modality.vocab_size} or more",
        )
    return modality


def vector_width(model: HNetLanguageModel, pooling: str, stage: int) -> int:
    """D of a pooling's vectors: a stage's chunks are as wide as the stage that made them."""
    return layer_of_pooling(model, pooling, stage).width
