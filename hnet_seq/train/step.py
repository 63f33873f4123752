"""One optimiser step: pretraining and fine-tuning take the same.

Gradients of micro-batches in all processes, the norm that they have together, the guard, the
optimiser. What is learned from and what it costs is the objective's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hnet_seq.train.averaging import Averaging
from hnet_seq.train.guard import Guard
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Objective
from hnet_seq.train.parallel import clip_gradients
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.step_report import StepReport, tell_each_other
from pipelines.batches.token_batches import PackedBatch


@dataclass(frozen=True)
class Taken:
    """A step that was computed.

    Attributes:
        report: of all processes.
        taken: whether the weights changed: the guard may have left the step out.
        counts: (stages, groups, 2) positions and boundaries of this process.
    """

    report: StepReport
    taken: bool
    counts: Tensor


class OptimizerStep:
    """Takes steps, alike in all processes.

    Args:
        optimizer: each group's ``peak`` is its rate before the schedule.
        clip_norm: a longer gradient is scaled down to this norm.
        average: of the weights, which is told of each step that was taken.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        guard: Guard,
        clip_norm: float,
        average: Averaging | None = None,
    ) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.guard = guard
        self.clip_norm = clip_norm
        self.average = average

    def take(
        self,
        number: int,
        batches: Sequence[PackedBatch],
        factor: float,
        ratio: RatioInForce,
        *,
        signals: Sequence[int] = (),
        is_written: bool = True,
        waited: float = 0.0,
    ) -> Taken:
        """Compute a step and take it, unless the guard leaves it out; all take part.

        Args:
            number: of the step, from 0.
            batches: this process's micro-batches; each process has as many.
            factor: of the peak rates.
            signals, is_written: what the others are told, see :class:`StepReport`.
            waited: seconds for the batches.

        Raises:
            FloatingPointError: too many steps in a row could not be taken.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        model = self.objective.model
        own = Interval.of_stages(model.num_stages)
        counts = self.objective.step(batches, ratio, own)
        report = tell_each_other(
            norm=clip_gradients(model, self.clip_norm),
            signals=signals,
            is_written=is_written,
            data_wait=waited,
            busy=self.objective.busy,
            sums=own.values(),
        )
        taken = self.guard.takes(report.norm, number + 1)
        if taken:
            self.optimizer.step()
            if self.average:
                self.average.update(number)
        self.optimizer.zero_grad(set_to_none=True)
        return Taken(report, taken, counts)
