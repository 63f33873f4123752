"""N-gram counts of the training data that never hold what is being trained on.

A network that reads counts in which its own targets are counted learns to believe rare n-grams, and
is wrong on new data. So the steps of a run are cut into spans. While one is trained on, its windows
are taken out of the counts of everything, as cross-validation would; outside of training the counts
are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.context_index import GAP
from hnet_seq.model.ngram_counts import NgramCounts
from modalities.errors import UsageError
from pipelines.batches import TokenBatches
from pipelines.token_stream import Stretch

_SPANS = 16  # of a run, and of an epoch of each source
Stretches = Iterable[tuple[int, Stretch]]  # with the number of their source


class Counting:
    """Keeps the counts of a model such that the next step finds none of its own tokens in them.

    Every process counts all windows of a span, not only its own.

    Args:
        counts: of a model; None if there is nothing to do.
        source: batch k is step k.
        steps: of the run.
        complement: (256,) of each token, where the other strand counts as much; or None.

    Raises:
        UsageError: the counts have other parts than the data have sources.
    """

    def __init__(
        self,
        counts: NgramCounts | None,
        source: TokenBatches,
        steps: int,
        complement: np.ndarray | None,
    ) -> None:
        self.counts = counts
        self._source = source
        self._steps = steps
        longest = -(-steps // _SPANS)
        read = max(source.epochs(longest).values())  # of the source that is read most
        self._span = max(1, min(longest, int(longest / (read * _SPANS))))
        self._complement = complement
        self._held_out = -1  # the span
        if counts is not None and counts.config.parts not in (1, len(source.names)):
            raise UsageError(
                "model.ngram_counts.parts",
                f"is {counts.config.parts}, expected 1 or {len(source.names)}, one for each source",
            )

    def count(self, stretches: Stretches) -> None:
        """Count all training data, once; what other data had left in the counts goes."""
        if self.counts is not None:
            self.counts.count(self._texts(stretches))

    def hold_out(self, step: int) -> None:
        """Take the windows of the span of a step, and no others, out of what training sees."""
        span = step // self._span
        if self.counts is None or span == self._held_out:
            return
        self._held_out = span
        first = span * self._span
        steps = range(first, min(first + self._span, self._steps))
        self.counts.hold_out(self._texts(part for k in steps for part in self._source.by_source(k)))

    def _texts(self, stretches: Stretches) -> list[Tensor]:
        """(M,) uint8 for each part: its sequences, each with a gap behind it, on both strands."""
        assert self.counts is not None
        parts: list[list[np.ndarray]] = [[np.empty(0, np.uint8)] for _ in range(self._parts)]
        for number, stretch in stretches:
            parts[number if self._parts > 1 else 0] += _sequences(stretch)
        device = self.counts.text.device
        return [torch.from_numpy(self._both_strands(np.concatenate(p))).to(device) for p in parts]

    @property
    def _parts(self) -> int:
        assert self.counts is not None
        return self.counts.config.parts

    def _both_strands(self, text: np.ndarray) -> np.ndarray:
        if self._complement is None:
            return text
        complement = self._complement.copy()
        complement[GAP] = GAP
        return np.concatenate([text, complement[text[::-1]]])


def _sequences(stretch: Stretch) -> Iterator[np.ndarray]:
    """(L + 2,) uint8 of each: its tokens, the one that follows the last, and a gap."""
    for start, end in pairwise([0, *stretch.ends]):
        following = stretch.targets[end - 1]
        yield stretch.input_ids[start:end]
        yield np.array([GAP if following < 0 else following, GAP], np.uint8)
