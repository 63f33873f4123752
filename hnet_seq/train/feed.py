"""Batches for the trainer, made ahead by worker processes if asked.

The number of workers changes when a batch is made, never what is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from pipelines.batches import TokenBatches


class _Batches(Dataset[Any]):
    def __init__(self, source: TokenBatches) -> None:
        self.source = source

    def __getitem__(self, index: int) -> Any:
        return self.source[index]


class Feed:
    """The micro-batches of each optimiser step.

    Args:
        source: batch k holds one micro-batch.
        per_step: micro-batches of one step.
        workers: processes; 0 makes batches in this one.
        rank, ranks: which of the processes of a run this is: each takes every ``ranks``-th
            micro-batch of a step, so the step is the same for any number of them.

    Raises:
        ValueError: the micro-batches of a step cannot be dealt out evenly.
    """

    def __init__(
        self,
        source: TokenBatches,
        per_step: int = 1,
        workers: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if per_step % ranks or not 0 <= rank < ranks:
            raise ValueError(
                f"{per_step} micro-batches a step cannot be dealt out to {ranks} processes; "
                "set data.micro_batch_tokens so that they can"
            )
        self.source = source
        self.per_step = per_step
        self.workers = workers
        self.rank = rank
        self.ranks = ranks

    @property
    def fingerprint(self) -> str:
        """Changes when the content or the order of the batches would."""
        return f"{self.source.fingerprint}/{self.per_step}"

    def steps(self, start: int, stop: int) -> Iterator[list[Any]]:
        """This rank's micro-batches of steps ``start`` to ``stop`` - 1, a list for each step."""
        indices = range(start * self.per_step + self.rank, stop * self.per_step, self.ranks)
        loader: DataLoader[Any] = DataLoader(
            _Batches(self.source),
            sampler=indices,
            batch_size=None,
            num_workers=self.workers,
            # Batches stay numpy: torch's collation of scalars and None is not wanted here.
            collate_fn=_unchanged,
        )
        step: list[Any] = []
        for batch in loader:
            step.append(batch)
            if len(step) == self.per_step // self.ranks:
                yield step
                step = []


def _unchanged(batch: Any) -> Any:
    return batch
