"""A bound on the chunks computed at once: micro-batches over it are computed in pieces.

How many chunks a batch makes is known only after the encoder and the router have run. A hook in
front of each inner network sees the count and gives up there, before the inner network takes its
memory. The batch is then cut between sequences, never inside one: results do not depend on what
else is in a batch, so the pieces give what the whole would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from hnet_seq.model.hnet import HNet
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.ops.packing import Packing
from hnet_seq.train.statistics import ratio_counts
from pipelines.batches import PackedBatch
from pipelines.micro_batches import runs


class OverBudget(Exception):
    """A batch of several sequences has more chunks than allowed.

    Attributes:
        bounds: sequence numbers 0 = b_0 < b_1 < ... = S where to cut it.
    """

    def __init__(self, bounds: list[int]) -> None:
        super().__init__(bounds)
        self.bounds = bounds


@contextmanager
def chunk_budget(model: HNetLanguageModel, limits: Sequence[int]) -> Iterator[None]:
    """Raise :class:`OverBudget` inside the block from a batch with too many chunks.

    A single sequence is let through whatever it has: there is nothing to cut.

    Args:
        limits: per stage, from the outside in; 0 for none.
    """
    inner = [
        m.main_network for m in model.modules() if isinstance(m, HNet) and m.encoder is not None
    ]
    hooks = [
        level.register_forward_pre_hook(_check(limit))
        for level, limit in zip(inner, limits, strict=True)
        if limit
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def fit(
    model: HNetLanguageModel,
    batch: PackedBatch,
    limits: Sequence[int],
    forward: Callable[[PackedBatch], Any],
) -> list[tuple[PackedBatch, Tensor]]:
    """Cut a batch into pieces within the budget, by running it without gradients.

    Returns:
        the pieces in order, each with its :func:`hnet_seq.train.statistics.ratio_counts`.
    """
    waiting, done = [batch], []
    while waiting:
        piece = waiting.pop()
        bounds: list[int] = []
        try:
            with torch.no_grad(), chunk_budget(model, limits):
                done.append((piece, ratio_counts(forward(piece).boundaries)))
        except OverBudget as over:
            bounds = over.bounds
        cuts = reversed(list(pairwise(bounds)))
        waiting += [sequences(piece, first, last) for first, last in cuts]
    return done


def sequences(batch: PackedBatch, first: int, last: int) -> PackedBatch:
    """Sequences ``first`` to ``last`` - 1 of a batch as a batch."""
    bounds = batch.cu_seqlens[first : last + 1]
    tokens = slice(bounds[0], bounds[-1])
    return replace(
        batch,
        input_ids=batch.input_ids[tokens],
        targets=batch.targets[tokens],
        cu_seqlens=bounds - bounds[0],
        weights=None if batch.weights is None else batch.weights[tokens],
        covers=None if batch.covers is None else batch.covers[tokens],
    )


def _check(limit: int) -> Callable[[nn.Module, Any], None]:
    def check(_module: nn.Module, arguments: Any) -> None:
        packing = next(a for a in arguments if isinstance(a, Packing))
        if packing.total > limit and packing.num_sequences > 1:
            raise OverBudget(runs(list(accumulate(packing.lengths)), limit))

    return check
