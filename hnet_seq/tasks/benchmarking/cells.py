"""What a benchmark computes, cell by cell: a predictor of a task, fitted on so many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FULL = 0
"""Shots of a probe that is fitted on all training rows."""

AUDIT = "audit"
UNTAUGHT = "zero-shot"
MODEL, TWIN = "model", "twin"
WORDS, LETTERS, COMPOSITION, LENGTH, CONSTANT = (
    *("words", "letters", "composition", "length"),
    "constant",
)
TUNED, TUNED_TWIN = "fine-tuned", "fine-tuned twin"
BASELINES = (WORDS, LETTERS, COMPOSITION, LENGTH, CONSTANT)
OF_MODEL = (MODEL, TUNED)
"""What verdicts are of."""


@dataclass(frozen=True)
class Cell:
    """One fit.

    Attributes:
        task: its number among the labelled ones of the run, of ``UNTAUGHT`` among the others.
        predictor: one of the above, or the audit of the task.
        shots: rows of each class that it sees, or ``FULL``.
        seed: of the draw of the rows, and of folds.
        part: of a zero-shot task.
    """

    task: int
    predictor: str
    shots: int = FULL
    seed: int = 0
    part: str = ""


def plan(
    tasks: int,
    *,
    shots: Sequence[int],
    seeds: int,
    seed: int,
    twin: bool,
    tuned: int,
    untaught: Sequence[Sequence[str]] = (),
) -> list[list[Cell]]:
    """All cells, in parts that share what they are fitted on: one part is one process's.

    Args:
        seeds: draws of few shots. All rows are fitted on once: nothing is drawn there.
        seed: the first.
        tuned: seeds of fine-tuning; 0 for none.
        untaught: parts of each zero-shot task.
    """
    parts: list[list[Cell]] = []
    frozen = [MODEL, *[TWIN] * twin, *BASELINES]
    for task in range(tasks):
        parts.append([Cell(task, AUDIT)])
        for predictor in frozen:
            parts.append([Cell(task, predictor, FULL, seed)])
            for count in shots:
                parts[-1] += [Cell(task, predictor, count, seed + own) for own in range(seeds)]
        for predictor in [TUNED, *[TUNED_TWIN] * twin] if tuned else []:
            parts += [[Cell(task, predictor, FULL, seed + own)] for own in range(tuned)]
    for task, own in enumerate(untaught):
        parts += [[Cell(task, UNTAUGHT, part=part)] for part in own]
    return parts
