"""The table of scores of a task, for the terminal and ``classification.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.score_rows import ScoreRow, format_table, score_row
from hnet_seq.evidence.measures.target_scores import TargetRow, format_targets, target_row
from hnet_seq.results.classification import Kind
from hnet_seq.tasks.classification.frozen import FrozenScores
from hnet_seq.tasks.classification.targets import targets_of
from hnet_seq.tasks.classification.task import Task

Rows = Sequence[ScoreRow] | Sequence[TargetRow]


def rows_of(
    found: FrozenScores, task: Task, *, clean: NDArray[np.bool_]
) -> list[ScoreRow] | list[TargetRow]:
    """Scores of every probe and baseline on the test split."""
    return [
        model_row(own.name, [own.probabilities], task, clean=clean, kind=own.kind)
        for own in found.scored
    ]


def model_row(
    name: str,
    predictions: Sequence[NDArray[np.floating]],
    task: Task,
    *,
    clean: NDArray[np.bool_] | None,
    kind: Kind = "model",
) -> Any:
    """Scores of a model trained with several seeds."""
    if task.problem == "classes":
        return score_row(name, kind, predictions, task.test.labels, clean=clean)
    return target_row(
        task.problem,
        name,
        kind,
        predictions,
        targets_of(task, "test"),
        task.classes,
        clean=clean,
        groups=task.test.together,
    )


def format_rows(problem: str, rows: Any) -> str:
    """Rows as aligned text."""
    return format_table(rows) if problem == "classes" else format_targets(problem, rows)
