"""Losses as the project's own trainer has them, of rows with labels."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from hnet_seq.model.boundary_policy import ROUTED
from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.language_model import cross_entropy
from hnet_seq.model.ratio_loss import ratio_loss
from modalities.base import Modality

IGNORED = -100


def next_token_targets(labels: Tensor, mask: Tensor) -> Tensor:
    """(B, L): the label of the token that follows in the row, -100 where none does."""
    targets = torch.full_like(labels, IGNORED)
    targets[:, :-1] = labels[:, 1:].masked_fill(~mask[:, 1:], IGNORED)
    return targets


def share_of_step(labels: Tensor, total: Tensor | int | None) -> float:
    """How much of an optimiser step this batch is: its labels among those of all its batches.

    ``Trainer`` counts labels, of whatever shape, and not what is predicted of them: a mean over
    what is predicted, times this, adds up to a mean of the step.

    Args:
        labels: as the library counts them, -100 where there is none.
        total: labels of all batches that are one step; None: these.
    """
    return 1.0 if total is None else int((labels != IGNORED).sum()) / max(1, int(total))


def token_loss(logits: Tensor, targets: Tensor, modality: Modality | None) -> Tensor:
    """Cross entropy in nats a target; 0 where there is none.

    Args:
        logits: (T, V).
        targets: (T,), -100 where there is none; what the modality never predicts (unknown bases,
            markers of DNA) is none either, as in pretraining.
    """
    if modality is not None and len(modality.scored_tokens) < logits.shape[-1]:
        scored = torch.tensor(modality.scored_tokens, device=targets.device)
        targets = targets.masked_fill(~torch.isin(targets, scored), IGNORED)
    return cross_entropy(logits, targets) / (targets != IGNORED).sum().clamp(min=1)


def held_chunks(config: Any, boundaries: list[StageBoundaries]) -> Tensor | None:
    """The weighted ratio losses of all stages with a router; None where nothing is to be held.

    Args:
        config: with ``ratio_targets``, ``ratio_weights`` and ``shape``.

    Raises:
        ValueError: a number of targets or weights that does not fit the stages.
    """
    stages = [
        stage
        for stage in range(len(boundaries))
        if config.shape.boundary_policy(stage).policy in ROUTED
    ]
    if not stages:
        return None
    if not config.ratio_targets:
        warnings.warn(
            "the ratio loss is off, and chunks may drift: config.ratio_targets has no tokens per "
            "chunk to hold",
            stacklevel=3,
        )
        return None
    weights = config.ratio_weights or [1.0] * len(boundaries)
    for name, values in (("ratio_targets", config.ratio_targets), ("ratio_weights", weights)):
        if len(values) != len(boundaries):
            raise ValueError(
                f"{name}: expected {len(boundaries)}, one for each stage; got {values}"
            )
    losses = [
        weights[stage]
        * ratio_loss(
            boundaries[stage].boundary_prob,
            boundaries[stage].boundary_mask,
            config.ratio_targets[stage],
        )
        for stage in stages
        if weights[stage]
    ]
    return torch.stack(losses).sum() if losses else None
