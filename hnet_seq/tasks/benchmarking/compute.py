"""The cells of a benchmark as a job: shared out among processes, kept, gone on with when killed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.jobs.job import Job, Tell
from hnet_seq.jobs.spool import TEXT, Columns
from hnet_seq.jobs.units import Unit
from hnet_seq.tasks.benchmarking.cells import (
    AUDIT,
    FULL,
    MODEL,
    TUNED,
    TUNED_TWIN,
    TWIN,
    UNTAUGHT,
    WORDS,
)
from hnet_seq.tasks.benchmarking.cells import Cell as Cell
from hnet_seq.tasks.benchmarking.learners import learner_of
from hnet_seq.tasks.benchmarking.model import BenchmarkModel
from hnet_seq.tasks.benchmarking.shots import drawn_rows
from hnet_seq.tasks.benchmarking.tuned import Tuning, tune
from hnet_seq.tasks.benchmarking.untaught import Examined
from hnet_seq.tasks.benchmarking.untaught_data import UntaughtTask
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.classification.task_audit import audit_task

KINDS = {"found": TEXT, "number": "<i8"}
_COST = {AUDIT: 0.1, MODEL: 1.0, TWIN: 1.0, WORDS: 0.05, TUNED: 30.0, TUNED_TWIN: 30.0}
_TRIVIAL = 0.02
"""Seconds beside a model's pass over the same bases, roughly: for the bar, and to share out."""
REMEMBERED = (MODEL, WORDS)
"""Of which it is asked how they do on training rows that were held out."""


@dataclass(frozen=True)
class Work:
    """Everything that a cell needs.

    Attributes:
        tasks: with their names in the suite.
        kept: where finished vectors lie, and what fine-tuning goes on from.
        seed: of splits and audits.
        tuning: how the model is fine-tuned; None where it is not.
        untaught: zero-shot tasks.
    """

    tasks: Sequence[tuple[str, Task]]
    model: BenchmarkModel
    parts: list[list[Cell]]
    kept: Path
    seed: int
    both_strands: bool = False
    tuning: Tuning | None = None
    untaught: Sequence[UntaughtTask] = ()

    def job(
        self, outputs: Sequence[Path], identity: Mapping[str, Any], made_with: Mapping[str, Any]
    ) -> Job[Cell]:
        """What computes them all; its rows wait beside the first of ``outputs``."""
        units = [
            Unit(index, 1, len(part), *self._size(part)) for index, part in enumerate(self.parts)
        ]
        return Job(
            label="benchmark",
            noun="cells",
            outputs=outputs,
            identity={**identity, "both_strands": self.both_strands},
            made_with=made_with,
            units=units,
            read=lambda: iter(self.parts),
            compute=self._compute,
            kinds=KINDS,
            length=self._length,
        )

    def _size(self, part: Sequence[Cell]) -> tuple[int, float]:
        tokens = sum(map(self._length, part))
        return tokens, float(tokens)

    @cached_property
    def _bases(self) -> list[int]:
        return [
            sum(map(len, (*task.train.sequences, *task.test.sequences))) for _, task in self.tasks
        ]

    @cached_property
    def _examined(self) -> list[Examined]:
        return [Examined(self.model, task.asked) for task in self.untaught]

    def _length(self, cell: Cell) -> int:
        """Bases that it costs, roughly: a model reads all of them once, for its first cell."""
        if cell.predictor == UNTAUGHT:
            return self.untaught[cell.task].cost(cell.part)
        if cell.shots != FULL:
            return 1
        return max(1, round(self._bases[cell.task] * _COST.get(cell.predictor, _TRIVIAL)))

    def _compute(
        self, part: Sequence[Cell], done: int, tell: Tell
    ) -> Iterator[tuple[Columns, int]]:
        first = part[0]
        if first.predictor == UNTAUGHT:
            told = self._examined[first.task].run(first.part)
            yield {"found": [json.dumps(told)], "number": np.zeros(1, np.int64)}, 1
            return
        name, task = self.tasks[first.task]
        learner = None
        for index, cell in enumerate(part[done:], done):
            if cell.predictor == AUDIT:
                found, clean = audit_task(task, self.seed)
                content = {"findings": found["findings"], "clean": packed(clean)}
            elif cell.predictor in (TUNED, TUNED_TWIN):
                assert self.tuning is not None
                twin = cell.predictor == TUNED_TWIN
                said = tune(self.model, task, self.tuning, cell.seed, self.kept / name, twin=twin)
                content = {"test": packed(said)}
            else:
                if learner is None:
                    learner = learner_of(
                        cell.predictor,
                        task,
                        self.model,
                        self.kept,
                        both_strands=self.both_strands,
                        tell=tell if done == 0 else None,
                    )
                members = drawn_rows(task, cell.shots, cell.seed)
                content = {"test": packed(learner.predict(members, cell.seed))}
                if cell.shots == FULL and cell.predictor in REMEMBERED:
                    held, said = learner.held_out(cell.seed)
                    content |= {"held": packed(held), "said": packed(said)}
            yield {"found": [json.dumps(content)], "number": np.array([index])}, 1


def packed(values: NDArray[Any]) -> dict[str, Any]:
    """An array as JSON, to the bit."""
    own = np.ascontiguousarray(values)
    text = base64.b64encode(own.tobytes()).decode()
    return {"kind": own.dtype.str, "shape": list(own.shape), "values": text}


def unpacked(found: Mapping[str, Any]) -> NDArray[Any]:
    """The inverse."""
    values = np.frombuffer(base64.b64decode(found["values"]), np.dtype(found["kind"]))
    return values.reshape(found["shape"])
