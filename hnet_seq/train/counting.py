"""N-gram counts of the training data that never hold what is being trained on.

A network that reads counts in which its own targets are counted learns to believe rare n-grams, and
is wrong on new data. So the steps of a run are cut into spans. While one is trained on, its windows
are taken out of the counts of everything, as cross-validation would; outside of training the counts
are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.counted_text import CountedText
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.model.surprise import Surprise
from hnet_seq.ops.packing import Packing
from hnet_seq.train.tensors import on_device
from modalities.errors import UsageError
from pipelines.batches.token_batches import TokenBatches
from pipelines.batches.token_stream import Stretch

_SPANS = 16  # of a run, and of an epoch of each source
_FITTED_ON = 1 << 20  # tokens that a threshold is taken from, about
Stretches = Iterable[tuple[int, Stretch]]  # with the number of their source


class Counting:
    """Keeps the counts of a model such that the next step finds none of its own tokens in them.

    Every process counts all windows of a span, not only its own.

    Args:
        counted: of a model; none if there is nothing to do.
        source: batch k is step k.
        steps: of the run.
        complement: (256,) of each token, where the other strand counts as much; or None.

    Raises:
        UsageError: the counts have other parts than the data have sources.
    """

    def __init__(
        self,
        counted: Sequence[CountedText],
        source: TokenBatches,
        steps: int,
        complement: np.ndarray | None,
    ) -> None:
        self.counted = list(counted)
        self._source = source
        self._steps = steps
        longest = -(-steps // _SPANS)
        read = max(source.epochs(longest).values())  # of the source that is read most
        self._span = max(1, min(longest, int(longest / (read * _SPANS))))
        self._complement = complement
        self._held_out = -1  # the span
        self._sources = len(source.names)
        for one in self.counted:
            if one.parts not in (1, self._sources):
                raise UsageError(
                    "model.ngram_counts.parts",
                    f"is {one.parts}, expected 1 or {self._sources}, one for each source",
                )

    def count(self, stretches: Stretches) -> None:
        """Count all training data, once; what other data had left in the counts goes.

        Boundaries where counts are surprised then get their threshold, from windows that are not
        among what was counted.
        """
        if not self.counted:
            return
        texts = self._texts(stretches)
        for one in self.counted:
            one.count(_parts(texts, one))
        for one in self.counted:
            if isinstance(one, Surprise):
                self._fit(one)

    def hold_out(self, step: int) -> None:
        """Take the windows of the span of a step, and no others, out of what training sees."""
        span = step // self._span
        if not self.counted or span == self._held_out:
            return
        self._held_out = span
        steps = self._steps_of(span)
        texts = self._texts(part for k in steps for part in self._source.by_source(k))
        for one in self.counted:
            one.hold_out(_parts(texts, one))

    def _steps_of(self, span: int) -> range:
        first = span * self._span
        return range(first, min(first + self._span, self._steps))

    def _fit(self, surprise: Surprise) -> None:
        self.hold_out(0)
        was_training, surprise.training = surprise.training, True
        bits: list[Tensor] = []
        for step in self._steps_of(0):
            batch, device = self._source[step], surprise.text.device
            ids, cu_seqlens = (on_device(x, device) for x in (batch.input_ids, batch.cu_seqlens))
            packing = Packing(cu_seqlens, ids.numel())
            bits.append(surprise.bits(ids, packing)[packing.position > 0].cpu())
            if sum(map(len, bits)) >= _FITTED_ON:
                break
        surprise.training = was_training
        surprise.fit(torch.cat(bits) if bits else torch.zeros(0))

    def _texts(self, stretches: Stretches) -> list[Tensor]:
        """(M,) uint8 for each source: its sequences, each with a gap behind it, on both strands."""
        parts: list[list[np.ndarray]] = [[np.empty(0, np.uint8)] for _ in range(self._sources)]
        for number, stretch in stretches:
            parts[number] += _sequences(stretch)
        device = self.counted[0].text.device
        return [torch.from_numpy(self._both_strands(np.concatenate(p))).to(device) for p in parts]

    def _both_strands(self, text: np.ndarray) -> np.ndarray:
        if self._complement is None:
            return text
        complement = self._complement.copy()
        complement[GAP] = GAP
        return np.concatenate([text, complement[text[::-1]], np.array([GAP], np.uint8)])


def _parts(texts: list[Tensor], counted: CountedText) -> list[Tensor]:
    return texts if counted.parts == len(texts) else [torch.cat(texts)]


def _sequences(stretch: Stretch) -> Iterator[np.ndarray]:
    """(L + 2,) uint8 of each: its tokens, the one that follows the last, and a gap."""
    for start, end in pairwise([0, *stretch.ends]):
        following = stretch.targets[end - 1]
        yield stretch.input_ids[start:end]
        yield np.array([GAP if following < 0 else following, GAP], np.uint8)
