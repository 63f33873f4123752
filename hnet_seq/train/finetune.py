"""Fine-tuning: an H-Net under a head, on labelled sequences, with early stopping.

The order of the batches, the held-out sequences and the strands that are read are functions of the
seed; the same call on the same machine gives the same weights.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.names import FROM_ONE_END
from hnet_seq.heads.problems import encode_labels
from hnet_seq.model.low_rank import merge_low_rank
from hnet_seq.train.finetune_config import FinetuneConfig
from hnet_seq.train.finetune_run import Model, OnEpoch, Run
from hnet_seq.train.finetune_state import StateFile, fingerprint
from hnet_seq.train.labelled_batches import encode_sequences, split_validation, stratify
from hnet_seq.train.predict import check_head, computing, modality_of, strand_table
from hnet_seq.train.ranks import on_first
from hnet_seq.train.trainable import only_trainable, trainable_names
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given

__all__ = ["FinetuneConfig", "Finetuned", "finetune"]


@dataclass(frozen=True)
class Finetuned:
    """What happened.

    Attributes:
        history: one record an epoch, see :func:`finetune`.
        best_epoch: whose weights the model has now, from 1.
        validation: indices of the held-out sequences; those of a given validation split count on
            from the training ones.
        ratio_targets: tokens per chunk that were held, per stage.
    """

    history: list[dict[str, Any]]
    best_epoch: int
    validation: list[int]
    ratio_targets: list[float]


def finetune(
    model: Model,
    sequences: Given,
    labels: Sequence[Any] | NDArray[Any],
    config: FinetuneConfig | None = None,
    *,
    groups: Sequence[Hashable] | None = None,
    validation: tuple[Given, Sequence[Any] | NDArray[Any]] | None = None,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    on_epoch: OnEpoch | None = None,
    device: str | torch.device | None = None,
    progress: bool | str = False,
) -> Finetuned:
    """Train ``model`` in place; it ends with the weights of the lowest validation loss.

    Mode, device and which parameters want gradients are left as they were found. The model's
    metadata then say which strands it predicts from.

    In the processes of a ``torch.distributed`` group, such as ``torchrun`` starts, each calls this
    with the same arguments: they share the sequences of each step, and all end with one model.

    Args:
        model: with a head, see :mod:`hnet_seq.heads`.
        sequences: for training and early stopping, never those that the model will be tested on;
            see :func:`modalities.given.named_sequences`.
        labels: as :func:`hnet_seq.heads.problems.encode_labels` takes them.
        groups: of each sequence; the sequences that are held out are whole groups.
        validation: sequences and labels to stop early by; none is held out of the training ones
            then, whatever the configuration says.
        folder: where the best weights so far are saved, complete files or none.
        resume: a file for the state of the run. The same call goes on from what is there, bit for
            bit in as many processes; after the end it gives the same at once.
        on_epoch: called in the first process with each record of the history, also those of a run
            that goes on: ``epoch``, ``step``, ``loss`` and
            ``validation_loss`` (None without) in the units of
            :func:`hnet_seq.heads.problems.head_loss`, ``tokens_per_chunk`` per stage,
            ``tokens_per_second``, ``best``, and ``skipped_steps`` where the guard left some out.
        progress: show a bar; text is what it is called.

    Raises:
        InputError: a model without a head, or a sequence or label that cannot be learned from,
            with its index.
        UsageError: a setting that does not fit, such as ``augment`` of a strand-symmetric model;
            or an adapter in ``folder`` would replace what it is trained on.
        FloatingPointError: the gradient is not finite.
    """
    check_head(model, "learn")
    config = config or FinetuneConfig()
    config.validate(model.num_stages)
    modality = modality_of(model)
    check_augmented(model, config.strands)
    complement = strand_table(modality, config.strands, symmetric=model.same_on_both_strands)
    tokens = encode_sequences(sequences, modality, model.config.vocab_size)
    targets = _targets(model, tokens, labels)
    if groups is not None and len(groups) != len(tokens):
        raise InputError(None, f"{len(tokens)} sequences have {len(groups)} groups")
    if validation is None:
        fit, held_out = split_validation(
            tokens,
            stratify(model.head_config, targets),
            modality.complement_table,
            config.validation_fraction,
            config.seed,
            groups,
        )
    else:
        others = encode_sequences(
            validation[0], modality, model.config.vocab_size, parameter="validation"
        )
        fit, held_out = (
            list(range(len(tokens))),
            list(range(len(tokens), len(tokens) + len(others))),
        )
        tokens, targets = tokens + others, targets + _targets(model, others, validation[1])
    if config.lora:
        model.adapt(config.lora, config.lora_targets, seed=config.seed)
        if folder is not None:
            model.check_folder(folder)
    else:
        merge_low_rank(model)
    names = trainable_names(model, config.part, adapted=bool(config.lora))
    with computing(model, device, training=True) as where, only_trainable(model, names):
        run = Run(model, config, tokens, targets, complement, where, fit, held_out)
        model.metadata["strands"] = config.strands
        state = None
        if resume is not None:
            arrays = [*tokens, *(target.numpy() for target in targets), np.array(fit)]
            arrays += [value.cpu().float().numpy() for value in model.state_dict().values()]
            about = config.settings() | {"head": model.head_config.to_dict()}
            state = StateFile(resume, fingerprint(about, arrays))
        history = run.train(folder, state, on_epoch, progress)
        if state is not None and folder is not None:
            # What was saved by a run that goes on, or had come to its end, may have gone since.
            on_first(lambda: model.save_pretrained(folder))
    return Finetuned(history, run.best_epoch, held_out, run.ratio_targets)


def check_augmented(model: HNetWithHead, strands: str) -> None:
    """Raise UsageError for ``augment`` where both strands are the same to the model."""
    if strands == "augment" and model.same_on_both_strands:
        raise UsageError(
            "strands",
            "is augment: the reverse complement is the same to a strand-symmetric model with this "
            f"head; use none, or a pooling that counts from one end ({', '.join(FROM_ONE_END)})",
        )


def _targets(
    model: Model, tokens: list[Tokens], labels: Sequence[Any] | NDArray[Any]
) -> list[Tensor]:
    if len(labels) != len(tokens):
        raise InputError(None, f"{len(tokens)} sequences have {len(labels)} labels")
    try:
        targets = encode_labels(model.head_config, labels)
    except ValueError as error:
        raise InputError(None, str(error)) from None
    if model.head_config.problem == "per_position":
        for index, (sequence, target) in enumerate(zip(tokens, targets, strict=True)):
            if len(sequence) != len(target):
                raise InputError(
                    None,
                    f"has {len(sequence)} tokens and {len(target)} labels",
                    where=f"sequence {index}",
                )
    return targets
