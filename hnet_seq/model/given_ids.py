"""What a caller hands a model, as token ids: tensors as they are, letters and arrays encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import modalities
from hnet_seq.model.config import HNetConfig
from modalities import dna, text
from modalities.base import Modality
from modalities.errors import InputError
from modalities.given import Given, named_sequences
from modalities.tokenizer import TOKENS_OF, tokenizer_of

Ids: TypeAlias = Tensor | NDArray[Any] | str | Sequence[str]
"""Token ids (T,) or (B, L); or sequences, see :func:`modalities.given.named_sequences`."""


class ReadsSequences(Protocol):
    """A model with what it was trained on."""

    config: HNetConfig
    metadata: dict[str, str]
    embeddings: nn.Embedding


def modality_of(model: ReadsSequences) -> Modality:
    """What the model was trained on; DNA where its checkpoint does not say.

    Raises:
        InputError: tokens of several letters, and letters are to be read.
    """
    return modalities.get(trained_on(model))


def trained_on(model: ReadsSequences) -> str:
    """The name of what the model was trained on; DNA where its checkpoint does not say."""
    return model.metadata.get("modality", dna.DNA.name)


def given_ids(
    model: ReadsSequences, input_ids: Ids, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Ids on a tensor, and where the packed sequences begin and end.

    A tensor comes back as it is, but for uint8, which is no index. Strings, arrays and lists become
    packed ids on the model's device, without the markers of a document.

    Raises:
        InputError: neither ids nor sequences that the model can read.
    """
    if isinstance(input_ids, Tensor):
        return (input_ids.long() if input_ids.dtype == torch.uint8 else input_ids), cu_seqlens
    device = model.embeddings.weight.device
    if isinstance(input_ids, np.ndarray) and input_ids.ndim == 2 and input_ids.dtype.kind in "ui":
        return torch.from_numpy(input_ids.astype(np.int64)).to(device), cu_seqlens
    found = [
        tokens
        for _, tokens in named_sequences(
            input_ids, modality_of(model), model.config.vocab_size, parameter="input_ids"
        )
    ]
    ids = torch.from_numpy(np.concatenate(found).astype(np.int64)).to(device)
    if cu_seqlens is not None:
        if len(found) > 1:
            raise InputError(None, "a list says itself where sequences begin", where="cu_seqlens")
        return ids, cu_seqlens
    bounds = np.cumsum([0, *map(len, found)])
    return ids, torch.from_numpy(bounds.astype(np.int32)).to(device)


def given_prompts(model: ReadsSequences, prompts: Given) -> list[Tensor]:
    """(L,) int64 of each prompt, L > 0.

    Letters of a model of bytes follow the marker with which a document begins, as in training;
    tokens are taken as they are. A model behind a tokenizer reads the first letter by itself, as in
    training, and the tokens of the others.

    Raises:
        InputError: as :func:`modalities.given.named_sequences`; and a model of bytes gets letters
            that are no UTF-8.
    """
    tokenizer = tokenizer_of(model.metadata)
    modality = modalities.get(trained_on(model).removeprefix(TOKENS_OF))
    of_bytes = modality.vocabulary == text.VOCABULARY

    def encode(letters: str | bytes) -> NDArray[np.uint8]:
        tokens = modality.encode(letters)
        return np.concatenate([np.array([text.BEGIN], np.uint8), tokens]) if of_bytes else tokens

    marked = Modality(
        modality.name, modality.vocabulary, modality.scored_tokens, encode, modality.decode
    )
    size = modality.vocab_size if tokenizer else model.config.vocab_size
    found = [tokens for _, tokens in named_sequences(prompts, marked, size, parameter="prompts")]
    if tokenizer:
        ids = [np.concatenate([t[:1].astype(np.int64), tokenizer.encode(t[1:])]) for t in found]
        return [torch.from_numpy(own) for own in ids]
    return [torch.from_numpy(tokens.astype(np.int64)) for tokens in found]
