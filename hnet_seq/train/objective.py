"""Loss and gradients of one optimiser step: that of the predictions, and the ratio loss.

Losses are means over the whole step, however it is computed: over all tokens that are scored,
whichever process has them. Gradients of several processes are averaged afterwards, so that each
process's part is multiplied by their number first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.language_model import cross_entropy
from hnet_seq.train.chunk_budget import OverBudget, chunk_budget, chunks_of_sequences, fit
from hnet_seq.train.extent import Extent
from hnet_seq.train.interval import Interval
from hnet_seq.train.parallel import Parallel, Trained
from hnet_seq.train.precision import computing_in
from hnet_seq.train.ranks import summed_over_ranks, world_size
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.ratio_terms import RatioTerms, WholeBatch
from hnet_seq.train.statistics import grouped_counts, sequence_lengths
from hnet_seq.train.tables import add_up, average_gradients, tables
from hnet_seq.train.tensors import on_device
from pipelines.batches.token_batches import PackedBatch

#: Of a model's output and its batch: the loss of the predictions, and how many of the batch's
#: targets it is the mean over; 1 for a sum.
Loss = Callable[[Any, PackedBatch], tuple[Tensor, int]]


def token_loss(out: Any, batch: PackedBatch) -> tuple[Tensor, int]:
    """Summed cross entropy of a language model's tokens, in nats."""
    device = out.logits.device
    weights = None if batch.weights is None else on_device(batch.weights, device)
    return cross_entropy(out.logits, on_device(batch.targets, device), weights), 1


class Objective:
    """Adds gradients to the model's parameters.

    Args:
        statistics: what the shares of the ratio loss are taken over, see
            :class:`hnet_seq.ratio_config.RatioLossConfig`.
        max_chunks: per stage, the most chunks computed at once; 0 for no bound.
        precision: of the forward pass, see :mod:`hnet_seq.train.precision`.
        parallel: the model and its processes; None: in this one alone.
        loss: of the predictions.
        groups: of sequences whose ratio loss is taken apart, with ``statistics`` ``source``.

    Attributes:
        busy: seconds that the last :meth:`step` computed until processes wait for each other.
    """

    def __init__(
        self,
        model: Trained,
        statistics: str,
        max_chunks: Sequence[int],
        precision: str = "fp32",
        parallel: Parallel | None = None,
        *,
        loss: Loss = token_loss,
        groups: int = 1,
    ) -> None:
        self.model = model
        self.parallel = parallel or Parallel(model)
        self.loss = loss
        self.ratio = RatioTerms(statistics, groups)
        self.busy = 0.0
        self._ready = 0.0  # when the last backward pass began
        self.max_chunks = max_chunks
        self.precision = precision
        self._tables = list(tables(model).values())

    def step(
        self, batches: Sequence[PackedBatch], ratio: RatioInForce, interval: Interval
    ) -> Tensor:
        """The gradient of a step, of which this process has some micro-batches; all take part.

        Returns:
            positions and boundaries of this process, (stages, groups, 2).
        """
        extent = Extent.of(batches).over_ranks()
        together = time.perf_counter()
        totals = self._count_ahead(batches)
        counts = [
            self.backward(batch, extent, ratio, interval, batch is batches[-1], totals)
            for batch in batches
        ]
        average_gradients(self.model)
        self.busy = self._ready - together
        return torch.stack(counts).sum(0)

    def _count_ahead(self, batches: Sequence[PackedBatch]) -> Tensor | None:
        """What F is taken over, where no single micro-batch tells it; all take part.

        It costs the encoders of one more forward pass, without gradients.
        """
        if not self.ratio.over_steps or len(batches) == 1 or not self.model.num_stages:
            return None
        own = self.ratio.nothing(self.model.num_stages)
        for batch in batches:
            counts = self._count(batch)
            own += 0 if batch.idle else counts
        return summed_over_ranks(own)

    def _count(self, batch: PackedBatch) -> Tensor:
        ids, cu_seqlens = self._tensor(batch.input_ids), self._tensor(batch.cu_seqlens)
        with computing_in(self.precision, ids.device):
            lengths = chunks_of_sequences(
                self.model,
                cu_seqlens,
                lambda: self.model(ids, cu_seqlens),
                # FSDP2 takes back in the end what it gathered.
                to_the_end=self.parallel.strategy == "fsdp2",
            )
        return grouped_counts(lengths, batch.sources, self.ratio.groups)

    def backward(
        self,
        batch: PackedBatch,
        step: Extent,
        ratio: RatioInForce,
        interval: Interval,
        last: bool = True,
        totals: Tensor | None = None,
    ) -> Tensor:
        """Add one micro-batch's part of the step's gradient, and its sums to ``interval``.

        Args:
            step: of all processes.
            last: of this process in this step; gradients are exchanged then.
            totals: what F of a ratio loss over the whole step is taken over, (stages, groups, 2);
                None: this micro-batch, with those that other processes compute meanwhile.

        Returns:
            positions and boundaries of each stage, (stages, groups, 2).
        """
        if batch.idle:
            return self._take_part(batch, last, totals)
        out = None
        with self.parallel.gradients(last):
            try:
                with chunk_budget(self.model, self.max_chunks):
                    out = self._forward(batch)
            except OverBudget:
                interval.splits += 1
            # Out here the exception is gone, and with it what the forward pass had stored.
            if out is not None:
                lengths = sequence_lengths(out.boundaries) or [np.diff(batch.cu_seqlens).tolist()]
                counts = grouped_counts(lengths, batch.sources, self.ratio.groups)
                whole = self.ratio.whole(batch, counts, step, totals)
                self._add(batch, out, whole, step, ratio, interval)
                return counts
        # The loss of a piece depends on the boundaries of all: they are counted first.
        pieces = fit(self.model, batch, self.max_chunks, self._count)
        counts = torch.stack([own for _, own in pieces]).sum(0)
        whole = self.ratio.whole(batch, counts, step, totals)
        for number, (piece, _) in enumerate(pieces, 1):
            with self.parallel.gradients(last and number == len(pieces)):
                self._add(piece, self._forward(piece), whole, step, ratio, interval)
        return counts

    def _take_part(self, batch: PackedBatch, last: bool, totals: Tensor | None) -> Tensor:
        """Compute an idle batch, whose gradient is 0: all processes exchange as often."""
        with self.parallel.gradients(last):
            out = self._forward(batch)
            counts = self.ratio.nothing(len(out.boundaries))
            self.ratio.totals(counts, totals)  # the others ask for them
            loss = out.logits.sum() + sum(stage.boundary_prob.sum() for stage in out.boundaries)
            self._ready = time.perf_counter()
            (0 * loss).backward()
            add_up(self._tables)
        return counts

    def _forward(self, batch: PackedBatch) -> Any:
        ids, cu_seqlens = self._tensor(batch.input_ids), self._tensor(batch.cu_seqlens)
        with computing_in(self.precision, ids.device):
            return self.parallel(ids, cu_seqlens)

    def _add(
        self,
        piece: PackedBatch,
        out: Any,
        whole: WholeBatch,
        step: Extent,
        ratio: RatioInForce,
        interval: Interval,
    ) -> None:
        predicted, over = self.loss(out, piece)
        of_groups = ratio.of_groups or [[weight] * self.ratio.groups for weight in ratio.weights]
        loss = predicted / (max(1, step.scored) / over)
        for s, stage in enumerate(out.boundaries):
            terms = self.ratio.terms(stage, piece, ratio.targets[s], whole, s)
            for weight, own in zip(of_groups[s], terms, strict=True):
                term = whole.share * own
                # A weight of 0 lets a stage go: no gradient, rather than one of 0, which decays.
                loss = loss + weight * term if weight else loss
                interval.ratio_loss[s] += term.item()
                interval.penalty += weight * term.item()
        self._ready = time.perf_counter()
        (world_size() * loss).backward()
        add_up(self._tables)
        extent = Extent.of([piece])
        interval.nats += predicted.item() * over
        interval.scored += extent.scored
        interval.tokens += extent.tokens
        interval.boundaries.update(out.boundaries)
        if any(
            limit and int(stage.boundary_mask.sum()) > limit
            for limit, stage in zip(self.max_chunks, out.boundaries, strict=True)
        ):
            interval.over_budget += 1

    def _tensor(self, array: np.ndarray) -> Tensor:
        return on_device(array, self.model.embeddings.weight.device)
