"""Each kind of problem: labels to targets, the loss, and logits to predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.heads.head_config import HeadConfig, as_names, as_numbers

IGNORED = -100
"""A position without a label."""


@dataclass(frozen=True)
class Prediction:
    """What a head predicts for S sequences, or for T positions.

    Attributes:
        names: (C,) of the columns.
        values: (S, C), (T, C) or (B, L, C): probabilities, or numbers in the targets' units.
    """

    names: list[str]
    values: Tensor


def encode_labels(head: HeadConfig, labels: Iterable[Any]) -> list[Tensor]:
    """The target of each sequence, as :func:`head_loss` takes them.

    Args:
        labels: as :meth:`HeadConfig.from_labels` takes them; per position, (L,) class numbers of
            each sequence with ``IGNORED`` where there is no label.

    Returns:
        for each sequence () int64 class number; (C,) fp32 of 0 and 1; (K,) fp32 standardised; or
        (L,) int64.

    Raises:
        ValueError: a label that the head does not know, with its place in ``labels``.
    """
    if head.problem == "regression":
        values = as_numbers(labels)
        if values.shape[1] != len(head.names):
            raise ValueError(
                f"labels have {values.shape[1]} numbers; the head predicts {', '.join(head.names)}"
            )
        standardised = (values - np.array(head.mean)) / np.array(head.sd)
        return list(torch.from_numpy(standardised).float())
    number = {name: index for index, name in enumerate(head.names)}
    targets = []
    for row, label in enumerate(labels):
        if head.problem == "per_position":
            targets.append(_positions(label, row, len(number)))
            continue
        found = [str(label)] if head.problem == "single_label" else as_names(label)
        if unknown := [name for name in found if name not in number]:
            raise ValueError(
                f"label {row}: the head does not know {unknown[0]!r}; it knows {_some(head.names)}"
            )
        if head.problem == "single_label":
            targets.append(torch.tensor(number[found[0]]))
        else:
            targets.append(torch.zeros(len(number)))
            targets[-1][[number[name] for name in found]] = 1
    return targets


def collate_targets(head: HeadConfig, targets: list[Tensor]) -> Tensor:
    """Targets of the sequences of one packed batch: (S,), (S, C), (S, K) or (T,)."""
    return torch.cat(targets) if head.problem == "per_position" else torch.stack(targets)


def head_loss(head: HeadConfig, logits: Tensor, targets: Tensor) -> Tensor:
    """The mean loss of a batch; 0 where no position has a label.

    Cross entropy in nats, of each class against its absence for several labels; squared error in
    units of the targets' variance for numbers.

    Args:
        logits: (S, C), or (T, C) per position.
        targets: see :func:`collate_targets`.
    """
    logits = logits.float()
    if head.problem == "multi_label":
        return F.binary_cross_entropy_with_logits(logits, targets)
    if head.problem == "regression":
        return F.mse_loss(logits, targets)
    total = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


def count_targets(targets: Tensor) -> int:
    """How many targets :func:`head_loss` is the mean over, sequences or labelled positions."""
    return int((targets != IGNORED).sum()) if targets.dim() == 1 else len(targets)


def predictions(head: HeadConfig, logits: Tensor) -> Tensor:
    """(..., C) logits to probabilities, or to numbers in the units of the targets."""
    logits = logits.float()
    if head.problem == "multi_label":
        return logits.sigmoid()
    if head.problem == "regression":
        return logits * logits.new_tensor(head.sd) + logits.new_tensor(head.mean)
    return logits.softmax(-1)


def _positions(label: Any, row: int, classes: int) -> Tensor:
    numbers = np.asarray(label)
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(
            f"label {row}: expected (L,) class numbers; got {numbers.dtype} {numbers.shape}"
        )
    wrong = (numbers != IGNORED) & ((numbers < 0) | (numbers >= classes))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"label {row}: {numbers[place]} at position {place}; expected 0 to {classes - 1}, or "
            f"{IGNORED} where there is no label"
        )
    return torch.from_numpy(numbers.astype(np.int64))


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + rest
