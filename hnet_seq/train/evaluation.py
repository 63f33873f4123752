"""Validation: bits per token over every token that has a predecessor, and the boundaries."""

from __future__ import annotations

import math
from typing import Any

import torch

from hnet_seq.model.language_model import HNetLanguageModel, cross_entropy
from hnet_seq.train.statistics import BoundaryStatistics
from pipelines.batches import TokenBatches


@torch.inference_mode()
def evaluate(model: HNetLanguageModel, source: TokenBatches) -> dict[str, Any]:
    """Score a finite source once, in order.

    Returns:
        ``bits_per_token``, ``scored_tokens`` and ``stages``.
    """
    device = model.embeddings.weight.device
    training = model.training
    model.eval()
    nats, scored = 0.0, 0
    statistics = BoundaryStatistics.of_stages(model.num_stages)
    for k in range(source.batches_per_epoch):
        batch = source[k]
        ids, goals, cu_seqlens = (
            torch.from_numpy(array).to(device)
            for array in (batch.input_ids, batch.targets, batch.cu_seqlens)
        )
        out = model(ids, cu_seqlens)
        nats += float(cross_entropy(out.logits, goals))
        scored += int((goals >= 0).sum())
        statistics.update(out.boundaries)
    model.train(training)
    return {
        "bits_per_token": nats / math.log(2) / max(1, scored),
        "scored_tokens": scored,
        "stages": statistics.summary(),
    }
