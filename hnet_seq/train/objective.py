"""Loss and gradients of one optimiser step: cross entropy and ratio loss.

Losses are means over the whole step, however it is computed: over all tokens that are scored,
whichever process has them. Gradients of several processes are averaged afterwards, so that each
process's part is multiplied by their number first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.language_model import HNetLanguageModel, LanguageModelOutput, cross_entropy
from hnet_seq.model.ratio_loss import document_ratio_losses, ratio_loss
from hnet_seq.train.chunk_budget import OverBudget, chunk_budget, fit
from hnet_seq.train.interval import Interval
from hnet_seq.train.parallel import Parallel
from hnet_seq.train.precision import computing_in
from hnet_seq.train.ranks import summed_over_ranks, world_size
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.statistics import ratio_counts
from hnet_seq.train.tables import add_up, tables
from hnet_seq.train.tensors import on_device
from pipelines.batches import PackedBatch


@dataclass(frozen=True)
class Extent:
    """How much a step or a micro-batch has, in tokens of the shards: what its means are over."""

    tokens: int
    sequences: int
    scored: int

    @classmethod
    def of(cls, batches: Sequence[PackedBatch]) -> Extent:
        """Counted together, without idle ones."""
        batches = [batch for batch in batches if not batch.idle]
        return cls(
            tokens=sum(batch.letters for batch in batches),
            sequences=sum(batch.cu_seqlens.size - 1 for batch in batches),
            scored=sum(batch.scored for batch in batches),
        )

    def over_ranks(self) -> Extent:
        """That of all processes together."""
        own = torch.tensor([self.tokens, self.sequences, self.scored])
        return Extent(*summed_over_ranks(own).tolist())


@dataclass(frozen=True)
class _MicroBatch:
    """What the pieces of a micro-batch need to know of the whole.

    Attributes:
        totals: (stages, 2) positions and boundaries that F of the ratio loss is taken over.
        sequences: of the micro-batch.
        share: of its ratio loss in the step's.
    """

    totals: Tensor
    sequences: int
    share: float


class Objective:
    """Adds gradients to the model's parameters.

    Args:
        statistics: what the shares of the ratio loss are taken over, see
            :class:`hnet_seq.ratio_config.RatioLossConfig`.
        max_chunks: per stage, the most chunks computed at once; 0 for no bound.
        precision: of the forward pass, see :mod:`hnet_seq.train.precision`.
        parallel: the model and its processes; None: in this one alone.

    Attributes:
        ready: when the last backward pass began, in which processes wait for each other; by
            ``time.perf_counter``.
    """

    def __init__(
        self,
        model: HNetLanguageModel,
        statistics: str,
        max_chunks: Sequence[int],
        precision: str = "fp32",
        parallel: Parallel | None = None,
    ) -> None:
        self.model = model
        self.parallel = parallel or Parallel(model)
        self.ready = 0.0
        self.statistics = statistics
        self.max_chunks = max_chunks
        self.precision = precision
        self._tables = list(tables(model).values())

    def backward(
        self,
        batch: PackedBatch,
        step: Extent,
        ratio: RatioInForce,
        interval: Interval,
        last: bool = True,
    ) -> Tensor:
        """Add one micro-batch's part of the step's gradient, and its sums to ``interval``.

        Args:
            step: of all processes.
            last: of this process in this step; gradients are exchanged then.

        Returns:
            positions and boundaries of each stage, (stages, 2).
        """
        if batch.idle:
            return self._take_part(batch, last)
        out = None
        with self.parallel.gradients(last):
            try:
                with chunk_budget(self.model, self.max_chunks):
                    out = self._forward(batch)
            except OverBudget:
                interval.splits += 1
            # Out here the exception is gone, and with it what the forward pass had stored.
            if out is not None:
                counts = ratio_counts(out.boundaries)
                self._add(batch, out, self._whole(batch, counts, step), step, ratio, interval)
                return counts
        # The loss of a piece depends on the boundaries of all: they are counted first.
        pieces = fit(self.model, batch, self.max_chunks, self._forward)
        counts = torch.stack([own for _, own in pieces]).sum(0)
        whole = self._whole(batch, counts, step)
        for number, (piece, _) in enumerate(pieces, 1):
            with self.parallel.gradients(last and number == len(pieces)):
                self._add(piece, self._forward(piece), whole, step, ratio, interval)
        return counts

    def _take_part(self, batch: PackedBatch, last: bool) -> Tensor:
        """Compute an idle batch, whose gradient is 0: all processes exchange as often."""
        with self.parallel.gradients(last):
            out = self._forward(batch)
            counts = torch.zeros(len(out.boundaries), 2, dtype=torch.float64)
            if self.statistics == "ranks" and len(counts):
                summed_over_ranks(counts)
            loss = out.logits.sum() + sum(stage.boundary_prob.sum() for stage in out.boundaries)
            self.ready = time.perf_counter()
            (0 * loss).backward()
            add_up(self._tables)
        return counts

    def _forward(self, batch: PackedBatch) -> LanguageModelOutput:
        ids, cu_seqlens = self._tensor(batch.input_ids), self._tensor(batch.cu_seqlens)
        with computing_in(self.precision, ids.device):
            return self.parallel(ids, cu_seqlens)

    def _whole(self, batch: PackedBatch, counts: Tensor, step: Extent) -> _MicroBatch:
        own = Extent.of([batch])
        if self.statistics == "document":
            return _MicroBatch(counts, own.sequences, own.sequences / step.sequences)
        if self.statistics == "ranks" and len(counts):
            totals = summed_over_ranks(counts)
            return _MicroBatch(totals, own.sequences, totals[0, 0].item() / step.tokens)
        return _MicroBatch(counts, own.sequences, own.tokens / step.tokens)

    def _add(
        self,
        piece: PackedBatch,
        out: LanguageModelOutput,
        whole: _MicroBatch,
        step: Extent,
        ratio: RatioInForce,
        interval: Interval,
    ) -> None:
        weights = None if piece.weights is None else self._tensor(piece.weights)
        nats = cross_entropy(out.logits, self._tensor(piece.targets), weights)
        loss = nats / max(1, step.scored)
        for s, stage in enumerate(out.boundaries):
            term = whole.share * self._ratio_loss(stage, ratio.targets[s], whole, s)
            loss = loss + ratio.weights[s] * term
            interval.ratio_loss[s] += term.item()
            interval.penalty += ratio.weights[s] * term.item()
        self.ready = time.perf_counter()
        (world_size() * loss).backward()
        add_up(self._tables)
        own = Extent.of([piece])
        interval.nats += nats.item()
        interval.scored += own.scored
        interval.tokens += own.tokens
        interval.boundaries.update(out.boundaries)
        if any(
            limit and int(stage.boundary_mask.sum()) > limit
            for limit, stage in zip(self.max_chunks, out.boundaries, strict=True)
        ):
            interval.over_budget += 1

    def _ratio_loss(
        self, stage: StageBoundaries, target: float, whole: _MicroBatch, number: int
    ) -> Tensor:
        """A piece's part of the micro-batch's ratio loss."""
        prob, mask = stage.boundary_prob, stage.boundary_mask
        if self.statistics == "document":
            losses = document_ratio_losses(prob, mask, target, stage.cu_seqlens)
            return losses.sum() / whole.sequences
        positions, boundaries = whole.totals[number].tolist()
        part = mask.numel() / positions
        return part * ratio_loss(prob, mask, target, selected=boundaries / positions)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return on_device(array, self.model.embeddings.weight.device)
