"""N-gram counts of the training data that never hold what is being trained on.

A network that reads counts in which its own targets are counted learns to believe rare n-grams, and
is wrong on new data. So the steps of a run are cut into spans. While one is trained on, its windows
are taken out of the counts of everything, as cross-validation would; outside of training the counts
are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.context_index import GAP
from hnet_seq.model.ngram_counts import NgramCounts
from hnet_seq.train.feed import Feed
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
            self.counts.count(self._text(batches).to(self.counts.text.device))

    def hold_out(self, step: int) -> None:
        """Take the windows of the span of a step, and no others, out of what training sees."""
        span = step // self._span
        if self.counts is None or span == self._held_out:
            return
        self._held_out = span
        first = span * self._span
        steps = self._feed.steps(first, min(first + self._span, self._steps))
        text = self._text(batch for batches in steps for batch in batches)
        self.counts.hold_out(text.to(self.counts.text.device))

    def _text(self, batches: Iterable[PackedBatch]) -> Tensor:
        """(M,) uint8 the sequences of batches, each with a gap behind it; on both strands."""
        text = np.concatenate([part for batch in batches for part in _sequences(batch)])
        if self._complement is None:
            return torch.from_numpy(text)
        complement = self._complement.copy()
        complement[GAP] = GAP
        return torch.from_numpy(np.concatenate([text, complement[text[::-1]]]))


def _sequences(batch: PackedBatch) -> Iterator[np.ndarray]:
    """(L + 2,) uint8 of each: its tokens, the one that follows the last, and a gap."""
    for start, end in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
        following = batch.targets[end - 1]
        yield batch.input_ids[start:end]
        yield np.array([GAP if following < 0 else following, GAP], np.uint8)
