"""N-gram counts of the training data that never hold what is being trained on.

A network that reads counts in which its own targets are counted learns to believe rare n-grams, and
is wrong on new data. So the steps of a run are cut into spans. While one is trained on, its windows
are taken out of the counts of everything, as cross-validation would; outside of training the counts
are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.ngram_sightings import NgramSightings
from hnet_seq.model.surprise import Surprise
from hnet_seq.ops.packing import Packing
from hnet_seq.train.feed import Feed
from hnet_seq.train.tensors import on_device
from pipelines.batches import PackedBatch

_SPANS = 16  # of a run, and of an epoch of each source
_FITTED_ON = 1 << 20  # tokens that a threshold is taken from, about


class Counting:
    """Keeps the counts of a model such that the next step finds none of its own tokens in them.

    Every process counts all windows of a span, not only its own.

    Args:
        tables: of a model.
        feed: the batches of the run.
        steps: of the run.
        complement: (256,) of each token, where the other strand counts as much; or None.
    """

    def __init__(
        self,
        tables: Sequence[NgramSightings],
        feed: Feed,
        steps: int,
        complement: np.ndarray | None,
    ) -> None:
        self.tables = list(tables)
        self._feed = Feed(feed.source)
        self._steps = steps
        longest = -(-steps // _SPANS)
        read = max(feed.source.epochs(longest).values())  # of the source that is read most
        self._span = max(1, min(longest, int(longest / (read * _SPANS))))
        self._complement = complement
        self._held_out = -1  # the span

    def count(self, batches: Iterable[PackedBatch]) -> None:
        """Count all training data, once; what other data had left in the counts goes.

        Boundaries where counts are surprised then get their threshold, from windows that are not
        among what was counted.
        """
        for table in self.tables:
            table.counts.zero_()
        for batch in batches if self.tables else ():
            self._add(batch, [table.counts for table in self.tables])
        for table in self.tables:
            if isinstance(table, Surprise):
                self._fit(table)

    def hold_out(self, step: int) -> None:
        """Take the windows of the span of a step, and no others, out of what training sees."""
        span = step // self._span
        if not self.tables or span == self._held_out:
            return
        self._held_out = span
        held_out = []
        for table in self.tables:
            if table.held_out is None:
                table.held_out = torch.zeros_like(table.counts)
            held_out.append(table.held_out.zero_())
        for batch in self._windows(span):
            self._add(batch, held_out)

    def _windows(self, span: int) -> Iterator[PackedBatch]:
        first = span * self._span
        for batches in self._feed.steps(first, min(first + self._span, self._steps)):
            yield from batches

    def _fit(self, table: Surprise) -> None:
        self.hold_out(0)
        was_training, table.training = table.training, True
        bits: list[Tensor] = []
        for batch in self._windows(0):
            ids, cu_seqlens = (
                on_device(array, table.counts.device)
                for array in (batch.input_ids, batch.cu_seqlens)
            )
            packing = Packing(cu_seqlens, ids.numel())
            bits.append(table.bits(ids, packing)[packing.position > 0].cpu())
            if sum(map(len, bits)) >= _FITTED_ON:
                break
        table.training = was_training
        table.fit(torch.cat(bits) if bits else torch.zeros(0))

    def _add(self, batch: PackedBatch, to: Sequence[Tensor]) -> None:
        ids, targets, cu_seqlens = (
            on_device(array, to[0].device)
            for array in (batch.input_ids, batch.targets, batch.cu_seqlens)
        )
        packing = Packing(cu_seqlens, ids.numel())
        for table, counts in zip(self.tables, to, strict=True):
            table.add(ids, targets, packing, counts)
        if self._complement is None:
            return
        other = on_device(self._complement, to[0].device)[ids[packing.reversal]]
        following = torch.cat([other[1:], other[:1]])
        following[packing.ends] = -100
        # Between the same two tokens as forwards: carried-over ones were counted in their window.
        following[targets[(packing.reversal - 1).clamp(min=0)] < 0] = -100
        for table, counts in zip(self.tables, to, strict=True):
            table.add(other, following, packing, counts)
