"""What a fine-tuned model says about sequences, in batches, on one strand or both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import modalities
from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.problems import predictions
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.train.finetune_config import STRANDS, Strands
from hnet_seq.train.labelled_batches import (
    encode_sequences,
    longest_first,
    marker_tokens,
    pack,
    reverse_complement,
)
from hnet_seq.train.precision import computing_in
from modalities.base import Modality, Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given
from pipelines.progress import progress_bar

BATCH_TOKENS = 16384


def predict(
    model: HNetForSequenceClassification,
    sequences: Given,
    *,
    strands: Strands | None = None,
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> NDArray[np.float32]:
    """(N, C) probabilities of ``model.head_config.names``, or numbers in the targets' units.

    A row depends on its sequence alone, up to rounding. The model's mode and device are left as
    they were found.

    Args:
        sequences: one or many, see :func:`modalities.given.named_sequences`.
        strands: ``average`` takes the mean of the logits of both strands; None does what the model
            was fine-tuned for.
        batch_tokens: tokens of one forward call; a longer sequence is a call by itself.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.
        precision: of the forward calls, see :mod:`hnet_seq.train.precision`.
        progress: show a bar.

    Raises:
        InputError: no sequences, one that is empty or not of the modality, with its index, or a
            model without a head.
        UsageError: unknown strands, or ``average`` for a modality of one strand.
    """
    logits = _predict(model, sequences, strands, batch_tokens, device, precision, progress)
    return (
        torch.stack(logits).numpy()
        if logits
        else np.empty((0, len(model.head_config.names)), np.float32)
    )


def predict_positions(
    model: HNetForTokenClassification,
    sequences: Given,
    *,
    strands: Strands | None = None,
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> list[NDArray[np.float32]]:
    """(L, C) probabilities at the positions of each sequence; else as :func:`predict`.

    ``average`` takes the mean with the logits at the same base of the other strand, which has
    seen what follows on this one.
    """
    return [
        x.numpy()
        for x in _predict(model, sequences, strands, batch_tokens, device, precision, progress)
    ]


def _predict(
    model: HNetForSequenceClassification | HNetForTokenClassification,
    sequences: Given,
    strands: Strands | None,
    batch_tokens: int,
    device: str | torch.device | None,
    precision: str,
    progress: bool,
) -> list[Tensor]:
    if batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")
    check_head(model, "predict")
    modality = modality_of(model)
    chosen = strands or model.metadata.get("strands", "none")
    complement = strand_table(modality, chosen)
    if chosen != "average" or model.same_on_both_strands:
        complement = None
    tokens = encode_sequences(sequences, modality, model.config.vocab_size, for_learning=False)
    lengths = np.array([len(sequence) for sequence in tokens], np.int64)
    found: list[Tensor] = [torch.empty(0)] * len(tokens)
    bar = progress_bar("predict", int(lengths.sum()), unit="tok", progress=progress)
    with bar, computing(model, device) as where, torch.inference_mode():
        for batch in longest_first(lengths, batch_tokens):
            picked = [tokens[index] for index in batch]
            with computing_in(precision, where):
                logits = strand_logits(model, picked, complement, where)
            for index, rows in zip(batch, logits, strict=True):
                found[index] = predictions(model.head_config, rows).cpu()
            bar.update(int(lengths[batch].sum()))
    return found


def strand_logits(
    model: HNetForSequenceClassification | HNetForTokenClassification,
    sequences: Sequence[Tokens],
    complement: Tokens | None,
    device: torch.device,
) -> list[Tensor]:
    """Logits of each sequence, (C,) or (L, C); the mean of both strands with a complement table."""
    per_position = model.head_config.problem == "per_position"
    markers = marker_tokens(model.head_config, modality_of(model))
    lengths = [len(sequence) for sequence in sequences]

    def forward(tokens: Sequence[Tokens]) -> tuple[Tensor, ...]:
        packed = pack(tokens, device, markers)
        logits = model(packed.input_ids, packed.cu_seqlens).logits
        return logits.split(lengths) if per_position else logits.unbind()

    logits = list(forward(sequences))
    if complement is None:
        return logits
    others = forward([reverse_complement(sequence, complement) for sequence in sequences])
    return [
        (one + (other.flip(0) if per_position else other)) / 2
        for one, other in zip(logits, others, strict=True)
    ]


def check_head(model: nn.Module, verb: str) -> None:
    """Raise InputError for a model that has no head to ``verb`` with."""
    if not isinstance(model, HNetWithHead):
        raise InputError(
            None,
            f"{type(model).__name__} has no head to {verb} with; put one on it: model = "
            "HNetForSequenceClassification.from_causal_lm(model, HeadConfig('single_label', "
            "['first class', 'second class']))",
            where="model",
        )


def modality_of(model: HNetWithHead) -> Modality:
    """What the backbone was trained on; DNA where the checkpoint does not say."""
    return modalities.get(model.metadata.get("modality", "dna"))


def strand_table(
    modality: Modality,
    strands: str,
    choices: Sequence[str] = STRANDS,
    *,
    symmetric: bool = False,
) -> Tokens | None:
    """The complement table that the choice of strands needs, None for ``none``.

    Args:
        symmetric: what comes out is the same for both strands already, and needs none.

    Raises:
        UsageError: there is no such choice, or the modality has one strand.
    """
    if strands not in choices:
        names = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise UsageError("strands", f"is {strands!r}; expected {names}")
    if strands == "none":
        return None
    if modality.complement_table is None:
        raise UsageError("strands", f"is {strands}, but {modality.name} has one strand; use none")
    return None if symmetric else modality.complement_table


@contextmanager
def computing(
    model: nn.Module, device: str | torch.device | None, *, training: bool = False
) -> Iterator[torch.device]:
    """The model on the device and in the mode asked for, and back as it was afterwards."""
    home, was_training = next(model.parameters()).device, model.training
    if device is None:
        away = home.type == "cpu" and torch.cuda.is_available()
        device = torch.device("cuda") if away else home
    device = torch.device(device)
    try:
        model.train(training).to(device)
        yield device
    finally:
        model.train(was_training).to(home)
