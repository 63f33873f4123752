"""A bound on the chunks computed at once: micro-batches over it are computed in pieces.

How many chunks a batch makes is known only after the encoder and the router have run. A hook in
front of each inner network sees the count and gives up there, before the inner network takes its
memory. The batch is then cut between sequences, never inside one: results do not depend on what
else is in a batch, so the pieces give what the whole would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from hnet_seq.model.hnet import HNet
from hnet_seq.ops.packing import Packing
from pipelines.batches.micro_batches import runs
from pipelines.batches.token_batches import PackedBatch


class OverBudget(Exception):
    """A batch of several sequences has more chunks than allowed.

    Attributes:
        bounds: sequence numbers 0 = b_0 < b_1 < ... = S where to cut it.
    """

    def __init__(self, bounds: list[int]) -> None:
        super().__init__(bounds)
        self.bounds = bounds


@contextmanager
def chunk_budget(model: nn.Module, limits: Sequence[int]) -> Iterator[None]:
    """Raise :class:`OverBudget` inside the block from a batch with too many chunks.

    A single sequence is let through whatever it has: there is nothing to cut.

    Args:
        limits: per stage, from the outside in; 0 for none.
    """
    hooks = [
        level.register_forward_pre_hook(_check(limit))
        for level, limit in zip(_inner_networks(model), limits, strict=True)
        if limit
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def fit(
    model: nn.Module,
    batch: PackedBatch,
    limits: Sequence[int],
    count: Callable[[PackedBatch], Tensor],
) -> list[tuple[PackedBatch, Tensor]]:
    """Cut a batch into pieces within the budget, by running it without gradients.

    Args:
        count: runs a piece.

    Returns:
        the pieces in order, each with what ``count`` gave.
    """
    waiting, done = [batch], []
    while waiting:
        piece = waiting.pop()
        bounds: list[int] = []
        try:
            with torch.no_grad(), chunk_budget(model, limits):
                done.append((piece, count(piece)))
        except OverBudget as over:
            bounds = over.bounds
        cuts = reversed(list(pairwise(bounds)))
        waiting += [piece.sequences(first, last) for first, last in cuts]
    return done


class _Enough(Exception):
    """All routers have decided."""


@torch.no_grad()
def chunks_of_sequences(
    model: nn.Module, cu_seqlens: Tensor, forward: Callable[[], Any], to_the_end: bool = False
) -> list[list[int]]:
    """Positions of each sequence at every resolution, from its tokens to the innermost chunks.

    The forward pass ends where the last router has decided, before the innermost network.

    Args:
        cu_seqlens: (S + 1,) of the batch.
        forward: runs the batch through the model.
        to_the_end: run all of it, where parameters that were gathered must be given back.
    """
    lengths = [cu_seqlens.diff().tolist()]
    levels = _inner_networks(model)

    def note(_module: nn.Module, arguments: Any) -> None:
        lengths.append(_chunks(_packing(arguments)))
        if len(lengths) > len(levels) and not to_the_end:
            raise _Enough

    hooks = [level.register_forward_pre_hook(note) for level in levels]
    try:
        if levels:
            forward()
    except _Enough:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return lengths


def _inner_networks(model: nn.Module) -> list[nn.Module]:
    """What runs on the chunks of each stage, from the outside in."""
    levels = [module for module in model.modules() if isinstance(module, HNet)]
    return [level.main_network for level in levels if level.encoder is not None]


def _packing(arguments: Any) -> Packing:
    return next(value for value in arguments if isinstance(value, Packing))


def _chunks(packing: Packing) -> list[int]:
    """Of each sequence; where both strands are packed, which have the same, those of one."""
    return packing.lengths[: packing.num_sequences // (1 + packing.both_strands)]


def _check(limit: int) -> Callable[[nn.Module, Any], None]:
    def check(_module: nn.Module, arguments: Any) -> None:
        packing = _packing(arguments)
        strands = 1 + packing.both_strands
        if packing.total // strands > limit and packing.num_sequences // strands > 1:
            raise OverBudget(runs(list(accumulate(_chunks(packing))), limit))

    return check
