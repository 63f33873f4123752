"""What the processes of a run tell each other once a step has its gradient: one sum of one row."""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hnet_seq.train.ranks import is_first, rank, summed_over_ranks, world_size

_STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class StepReport:
    """The same in every process, so that all decide alike.

    Attributes:
        norm: of the whole gradient, before clipping.
        stop: a signal that some process received, or None; SIGTERM before SIGINT.
        is_written: nobody has anything left to write of a checkpoint.
        data_wait, busy: seconds of the slowest process, and on average: waiting for batches, and
            computing until processes wait for each other.
        sums: of what the processes' micro-batches added up, see
            :meth:`hnet_seq.train.interval.Interval.values`.
    """

    norm: float
    stop: int | None
    is_written: bool
    data_wait: tuple[float, float]
    busy: tuple[float, float]
    sums: list[float]

    @property
    def is_finite(self) -> bool:
        """Whether the sums can be added to others."""
        return all(map(math.isfinite, self.sums))


def tell_each_other(
    norm: float,
    signals: Sequence[int],
    is_written: bool,
    data_wait: float,
    busy: float,
    sums: list[float],
) -> StepReport:
    """Collect the processes' own values; all take part.

    Args:
        norm: that of the first process counts, should the last bits of the others differ.
    """
    size = world_size()
    waits, busies = [0.0] * size, [0.0] * size
    waits[rank()], busies[rank()] = data_wait, busy
    head = [norm if is_first() else 0.0, *(float(s in signals) for s in _STOPS), float(is_written)]
    row = torch.tensor([*head, *waits, *busies, *sums], dtype=torch.float64)
    told = summed_over_ranks(row).tolist()
    stops = [number for number, asked in zip(_STOPS, told[1:3], strict=True) if asked]
    waits, busies = told[4 : 4 + size], told[4 + size : 4 + 2 * size]
    return StepReport(
        norm=told[0],
        stop=stops[0] if stops else None,
        is_written=told[3] == size,
        data_wait=(max(waits), sum(waits) / size),
        busy=(max(busies), sum(busies) / size),
        sums=told[4 + 2 * size :],
    )
