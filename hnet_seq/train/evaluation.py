"""Validation: bits per token over every token that has a predecessor, and the boundaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hnet_seq.model.language_model import HNetLanguageModel, cross_entropy
from hnet_seq.train.precision import computing_in
from hnet_seq.train.ranks import rank, summed_over_ranks, world_size
from hnet_seq.train.statistics import BoundaryStatistics
from hnet_seq.train.tensors import on_device
from pipelines.batches import TokenBatches


@dataclass(frozen=True)
class ValidationSource:
    """Documents that are scored apart: those of one source with one label.

    Attributes:
        source: its name.
        label: a language, or "".
        batches: of the split "validation".
    """

    source: str
    label: str
    batches: TokenBatches


# Not inference mode: parameters that FSDP2 gathers in it could not be trained on afterwards.
@torch.no_grad()
def evaluate(
    model: HNetLanguageModel,
    sources: Sequence[ValidationSource],
    targets: Sequence[float],
    precision: str = "fp32",
) -> dict[str, Any]:
    """Score every source once, in order; the processes of a run share out the batches.

    Args:
        targets: tokens per chunk that each stage is trained to.
        precision: of the forward pass, see :mod:`hnet_seq.train.precision`.

    Returns:
        ``bits_per_token``, ``scored_tokens`` and ``stages`` over all tokens; where there are
        several sources, ``sources`` has the same of each.
    """
    training = model.training
    model.eval()
    whole = _Sums(BoundaryStatistics.of_stages(model.num_stages))
    apart = []
    for source in sources:
        sums = _Sums(BoundaryStatistics.of_stages(model.num_stages))
        batches = source.batches.batches_per_epoch
        for k in range(rank(), -(-batches // world_size()) * world_size(), world_size()):
            # Under FSDP2 all processes compute as often: who has no batch left takes the last.
            counted = [sums] if k < batches else []
            _score(model, source.batches, min(k, batches - 1), counted, precision)
        sums = sums.over_ranks()
        whole.add(sums)
        named = {"source": source.source, "label": source.label}
        apart.append(named | sums.summary(targets))
    model.train(training)
    return whole.summary(targets) | ({"sources": apart} if len(apart) > 1 else {})


@dataclass
class _Sums:
    boundaries: BoundaryStatistics
    nats: float = 0.0
    scored: int = 0

    def over_ranks(self) -> _Sums:
        """Those of all processes."""
        values = [self.nats, self.scored, *self.boundaries.values()]
        nats, scored, *rest = summed_over_ranks(torch.tensor(values, dtype=torch.float64)).tolist()
        return _Sums(BoundaryStatistics.from_values(rest), nats, int(scored))

    def add(self, other: _Sums) -> None:
        """Those of other documents."""
        self.nats += other.nats
        self.scored += other.scored
        both = zip(self.boundaries.values(), other.boundaries.values(), strict=True)
        self.boundaries = BoundaryStatistics.from_values([a + b for a, b in both])

    def summary(self, targets: Sequence[float]) -> dict[str, Any]:
        return {
            "bits_per_token": self.nats / math.log(2) / max(1, self.scored),
            "scored_tokens": self.scored,
            "stages": [
                {"target": target, **stage}
                for target, stage in zip(targets, self.boundaries.summary(), strict=True)
            ],
        }


def _score(
    model: HNetLanguageModel,
    batches: TokenBatches,
    k: int,
    sums: Sequence[_Sums],
    precision: str,
) -> None:
    batch = batches[k]
    device = model.embeddings.weight.device
    ids, goals, cu_seqlens = (
        on_device(array, device) for array in (batch.input_ids, batch.targets, batch.cu_seqlens)
    )
    with computing_in(precision, device):
        out = model(ids, cu_seqlens)
    nats, scored = float(cross_entropy(out.logits, goals)), int((goals >= 0).sum())
    for each in sums:
        each.nats += nats
        each.scored += scored
        each.boundaries.update(out.boundaries)
