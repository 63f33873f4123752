"""Validation: bits per token over every token that has a predecessor, and the boundaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import torch
import torch.nn.functional as F

from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.train.precision import computing_in
from hnet_seq.train.ranks import rank, summed_over_ranks, world_size
from hnet_seq.train.statistics import BoundaryStatistics, sum_in_any_order
from hnet_seq.train.tensors import on_device
from pipelines.batches.micro_batches import runs, spread, stretches
from pipelines.batches.token_batches import PackedBatch, TokenBatches
from pipelines.progress import progress_bar

# Computed at once, whatever a micro-batch is: the last digits of a loss depend on what else is in a
# call. Nothing is kept for a backward pass, so that it fits where micro-batches a good deal smaller
# do. On a core 1,024 tokens at once take half as long again as these, 65,536 as well.
TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class ValidationSource:
    """Documents that are scored apart: those of one source with one label.

    Attributes:
        source: its name.
        label: a language, or "".
        batches: of the split "validation"; their sequences are scored.
        limit: tokens that are scored at most, whole sequences from all over the split, always the
            same and one at least; None: all.
    """

    source: str
    label: str
    batches: TokenBatches
    limit: int | None = None

    @cached_property
    def calls(self) -> list[list[tuple[int, int]]]:
        """What is computed at once: whole sequences, in stretches that ``batches.read`` takes.

        :data:`TOKENS_AT_ONCE` at most, unless the only sequence is longer.
        """
        batches = self.batches
        ends = [end for k in range(batches.batches_per_epoch) for end in batches.sequence_ends(k)]
        windows = list(pairwise([0, *ends]))
        if self.limit is not None:
            windows = [windows[number] for number in spread(ends, self.limit)]
        sizes = list(accumulate(stop - start for start, stop in windows))
        bounds = runs(sizes, TOKENS_AT_ONCE)
        edge = batches.batch_tokens
        return [stretches(windows[first:last], edge) for first, last in pairwise(bounds)]

    def read(self, number: int) -> PackedBatch:
        """One of :attr:`calls`."""
        return PackedBatch.joined([self.batches.read(*part) for part in self.calls[number]])


def _tokens(calls: Sequence[list[tuple[int, int]]]) -> int:
    return sum(stop - start for parts in calls for start, stop in parts)


# Not inference mode: parameters that FSDP2 gathers in it could not be trained on afterwards.
@torch.no_grad()
def evaluate(
    model: HNetLanguageModel,
    sources: Sequence[ValidationSource],
    targets: Sequence[float],
    precision: str = "fp32",
    progress: bool = False,
) -> dict[str, Any]:
    """Score every source once, in order; the processes of a run share out the calls.

    Args:
        targets: tokens per chunk that each stage is trained to.
        precision: of the forward pass, see :mod:`hnet_seq.train.precision`.
        progress: show how far it has come.

    Returns:
        ``bits_per_token``, ``scored_tokens`` and ``stages`` over all tokens of the shards; behind a
        tokenizer, ``letters_per_token``, how many of them one of its tokens stands for. Where there
        are several sources, ``sources`` has the same of each.
    """
    training = model.training
    model.eval()
    whole = _Sums(BoundaryStatistics.of_stages(model.num_stages))
    apart = []
    size = world_size()
    total = sum(_tokens(source.calls) for source in sources)
    with progress_bar("validate", total, unit="tok", progress=progress, leave=False) as bar:
        for source in sources:
            sums = _Sums(BoundaryStatistics.of_stages(model.num_stages))
            count = len(source.calls)
            for first in range(0, count, size):
                number = first + rank()
                # Under FSDP2 all processes compute as often.
                batch = source.read(number) if number < count else PackedBatch.nothing()
                _score(model, batch, sums, precision)
                bar.update(_tokens(source.calls[first : first + size]))
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
    scored: int = 0  # tokens of the shards
    predicted: int = 0  # what the model reads, where a tokenizer has joined some

    def over_ranks(self) -> _Sums:
        """Those of all processes."""
        values = [self.nats, self.scored, self.predicted, *self.boundaries.values()]
        told = summed_over_ranks(torch.tensor(values, dtype=torch.float64)).tolist()
        nats, scored, predicted, *rest = told
        return _Sums(BoundaryStatistics.from_values(rest), nats, int(scored), int(predicted))

    def add(self, other: _Sums) -> None:
        """Those of other documents."""
        self.nats += other.nats
        self.scored += other.scored
        self.predicted += other.predicted
        both = zip(self.boundaries.values(), other.boundaries.values(), strict=True)
        self.boundaries = BoundaryStatistics.from_values([a + b for a, b in both])

    def summary(self, targets: Sequence[float]) -> dict[str, Any]:
        joined = self.predicted < self.scored
        return {
            "bits_per_token": self.nats / math.log(2) / max(1, self.scored),
            "scored_tokens": self.scored,
            **({"letters_per_token": self.scored / max(1, self.predicted)} if joined else {}),
            "stages": [
                {"target": target, **stage}
                for target, stage in zip(targets, self.boundaries.summary(), strict=True)
            ],
        }


def _score(model: HNetLanguageModel, batch: PackedBatch, sums: _Sums, precision: str) -> None:
    device = model.embeddings.weight.device
    ids, goals, cu_seqlens = (
        on_device(array, device) for array in (batch.input_ids, batch.targets, batch.cu_seqlens)
    )
    with computing_in(precision, device):
        out = model(ids, cu_seqlens)
    if batch.idle:
        return
    losses = F.cross_entropy(out.logits.float(), goals, ignore_index=-100, reduction="none")
    sums.nats += sum_in_any_order(losses)
    sums.scored += batch.scored
    sums.predicted += int((batch.targets >= 0).sum())
    sums.boundaries.update(out.boundaries)
