"""N-gram counts of the training data that never hold what is being trained on.

A network that reads counts in which its own targets are counted learns to believe rare n-grams, and
is wrong on new data. So the steps of a run are cut into spans. While one is trained on, its windows
are taken out of the counts of everything, as cross-validation would; outside of training the counts
are whole.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.ngram_counts import NgramCounts
from hnet_seq.ops.packing import Packing
from hnet_seq.train.feed import Feed
from hnet_seq.train.tensors import on_device
from pipelines.batches import PackedBatch

_SPANS = 16  # of a run, and of an epoch of each source


class Counting:
    """Keeps the counts of a model such that the next step finds none of its own tokens in them.

    Every process counts all windows of a span, not only its own.

    Args:
        counts: of a model; None if there is nothing to do.
        feed: the batches of the run.
        steps: of the run.
        complement: (256,) of each token, where the other strand counts as much; or None.
    """

    def __init__(
        self, counts: NgramCounts | None, feed: Feed, steps: int, complement: np.ndarray | None
    ) -> None:
        self.counts = counts
        self._feed = Feed(feed.source)
        self._steps = steps
        longest = -(-steps // _SPANS)
        read = max(feed.source.epochs(longest).values())  # of the source that is read most
        self._span = max(1, min(longest, int(longest / (read * _SPANS))))
        self._complement = complement
        self._held_out = -1  # the span

    def count(self, batches: Iterable[PackedBatch]) -> None:
        """Count all training data, once; what other data had left in the counts goes."""
        if self.counts is not None:
            self.counts.counts.zero_()
            for batch in batches:
                self._add(self.counts, batch, self.counts.counts)

    def hold_out(self, step: int) -> None:
        """Take the windows of the span of a step, and no others, out of what training sees."""
        span = step // self._span
        if self.counts is None or span == self._held_out:
            return
        self._held_out = span
        if self.counts.held_out is None:
            self.counts.held_out = torch.zeros_like(self.counts.counts)
        held_out = self.counts.held_out.zero_()
        first = span * self._span
        for batches in self._feed.steps(first, min(first + self._span, self._steps)):
            for batch in batches:
                self._add(self.counts, batch, held_out)

    def _add(self, counts: NgramCounts, batch: PackedBatch, to: Tensor) -> None:
        ids, targets, cu_seqlens = (
            on_device(array, to.device)
            for array in (batch.input_ids, batch.targets, batch.cu_seqlens)
        )
        packing = Packing(cu_seqlens, ids.numel())
        counts.add(ids, targets, packing, to)
        if self._complement is None:
            return
        other = on_device(self._complement, to.device)[ids[packing.reversal]]
        following = torch.cat([other[1:], other[:1]])
        following[packing.ends] = -100
        # Between the same two tokens as forwards: carried-over ones were counted in their window.
        following[targets[(packing.reversal - 1).clamp(min=0)] < 0] = -100
        counts.add(other, following, packing, to)
