"""Batches for the trainer, made ahead by worker processes if asked.

A batch of the source is a step. Its sequences are dealt out whole: neither the size of a
micro-batch nor the number of processes or workers changes which they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

from torch.utils.data import DataLoader, Dataset

from pipelines.batches.micro_batches import shared_out, stretches
from pipelines.batches.token_batches import PackedBatch, TokenBatches
from pipelines.orphans import watch_parent


class _Steps(Dataset[Any]):
    def __init__(self, source: TokenBatches, bound: int, rank: int, ranks: int) -> None:
        self.source = source
        self.bound = bound
        self.rank = rank
        self.ranks = ranks

    def __getitem__(self, step: int) -> list[PackedBatch]:
        size = self.source.batch_tokens
        ends = self.source.sequence_ends(step)
        windows = list(pairwise([step * size, *ends]))
        shared = shared_out([end - step * size for end in ends], self.bound, self.ranks)
        return [
            self._batch([windows[number] for number in numbers])
            for numbers in shared[self.rank :: self.ranks]
        ]

    def _batch(self, windows: list[tuple[int, int]]) -> PackedBatch:
        if not windows:
            return PackedBatch.nothing()
        parts = stretches(windows, self.source.batch_tokens)
        return PackedBatch.joined([self.source.read(*part) for part in parts])


class Feed:
    """The micro-batches of each optimiser step.

    Args:
        source: batch k is step k.
        micro_batch_tokens: what a micro-batch has at most, unless its only sequence is longer; 0:
            no bound.
        workers: processes; 0 makes batches in this one.
        rank, ranks: which of the processes of a run this is. Each has as many micro-batches of a
            step; where there are too few sequences, the last is idle.

    Raises:
        ValueError: there is no such rank.
    """

    def __init__(
        self,
        source: TokenBatches,
        micro_batch_tokens: int = 0,
        workers: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if not 0 <= rank < ranks:
            raise ValueError(f"rank {rank} is none of {ranks} processes")
        self.source = source
        self.workers = workers
        self._steps = _Steps(source, micro_batch_tokens, rank, ranks)

    @property
    def fingerprint(self) -> str:
        """Changes when the content or the order of the steps would."""
        # Versions that cut windows at the edges of micro-batches wrote their number here.
        return f"{self.source.fingerprint}/1"

    def steps(self, start: int, stop: int) -> Iterator[list[PackedBatch]]:
        """This rank's micro-batches of steps ``start`` to ``stop`` - 1, a list for each step."""
        loader: DataLoader[Any] = DataLoader(
            self._steps,
            sampler=range(start, stop),
            batch_size=None,
            num_workers=self.workers,
            # Batches stay numpy: torch's collation of scalars and None is not wanted here.
            collate_fn=_unchanged,
            # torch's own watch begins late: where the run is killed before it, the worker stays.
            worker_init_fn=partial(_begin, os.getpid()),
        )
        yield from loader


def _begin(parent: int, _worker: int) -> None:
    watch_parent(parent)


def _unchanged(batch: Any) -> Any:
    return batch
