"""From what cells said to the record of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.score_rows import score_row
from hnet_seq.evidence.measures.target_scores import target_row
from hnet_seq.results.audit import Finding
from hnet_seq.results.benchmark import MAIN, BenchmarkRow, BenchmarkTask, Count, Scored
from hnet_seq.tasks.benchmarking.cells import AUDIT, FULL, OF_MODEL, Cell
from hnet_seq.tasks.benchmarking.compute import REMEMBERED, Work, unpacked
from hnet_seq.tasks.benchmarking.draws import is_drawn, widened
from hnet_seq.tasks.benchmarking.judge import (
    differences,
    remembered,
    scores_of,
    truth_of,
    verdicts,
)
from hnet_seq.tasks.benchmarking.learners import name_of
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.classification.targets import targets_of
from hnet_seq.tasks.classification.task import Task

SERIOUS = "high"
_METRICS = ("mcc", "accuracy", "f1", "auroc", "auprc")


@dataclass
class Said:
    """What the cells of one task found.

    Attributes:
        predictions: (N, C) of the test split for each seed, by predictor and shots.
        seeds: of the same.
        held: training rows, and what is said of them, by predictor.
        clean: (N,) of the test rows, False for those with their like in training.
        truth: (N,) their class numbers, or their numbers.
        groups: (N,) numbers of their groups of rows.
    """

    predictions: dict[tuple[str, int], list[NDArray[np.floating]]] = field(default_factory=dict)
    seeds: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    held: dict[str, tuple[NDArray[np.int64], NDArray[np.floating]]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    clean: NDArray[np.bool_] | None = None
    truth: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None


def gathered(cells: Iterable[tuple[Cell, str]], tasks: int) -> list[Said]:
    """What each task's cells found, from their JSON."""
    found = [Said() for _ in range(tasks)]
    for cell, text in cells:
        content: dict[str, Any] = json.loads(text)
        own, key = found[cell.task], (cell.predictor, cell.shots)
        if cell.predictor == AUDIT:
            own.findings, own.clean = content["findings"], unpacked(content["clean"])
            continue
        own.predictions.setdefault(key, []).append(unpacked(content["test"]))
        own.seeds.setdefault(key, []).append(cell.seed)
        if "held" in content:
            own.held[cell.predictor] = (unpacked(content["held"]), unpacked(content["said"]))
    return found


def task_record(own: SuiteTask, task: Task, said: Said, work: Work) -> BenchmarkTask:
    """Rows, differences and verdicts of one task."""
    assert said.clean is not None
    said.truth, said.groups = truth_of(task)
    clean, main = said.clean, MAIN[task.problem]
    keys = sorted(said.predictions, key=lambda key: key[1] != FULL)  # all rows, then few shots
    names = {key: name_of(key, task, work.model, both_strands=work.both_strands) for key, _ in keys}
    found = {key: said.predictions[key] for key in keys}
    minus = differences(task, found, clean)
    memory = (
        remembered(task, said.held, found, clean) if set(REMEMBERED) <= set(said.held) else None
    )
    n_test = len(task.test.labels)
    serious = [each for each in said.findings if each["severity"] == SERIOUS]
    return BenchmarkTask(
        name=own.name,
        about=own.about,
        problem=task.problem,
        metric=own.metric,
        split=f"{task.about.get('split', '')}",
        classes=task.classes,
        fingerprint=task.fingerprint(),
        unchecked=own.unchecked,
        n_train=len(task.train.labels),
        n_test=n_test,
        n_clean=int(clean.sum()),
        findings=serious,
        other_findings=len(said.findings) - len(serious),
        rows=[_row(task, key, names[key[0]], said, main) for key in keys],
        minus=minus,
        verdicts=verdicts(
            minus,
            names,
            memory,
            shots=[key for key in keys if key[0] in OF_MODEL],
            leaked=n_test - int(clean.sum()),
            n_test=n_test,
        ),
        memory=memory,
    )


def counted(tasks: Sequence[BenchmarkTask]) -> list[Count]:
    """How many tasks were judged, and how many the model is beyond; in the order of the rows."""
    found: dict[tuple[str, int], list[str]] = {}
    for task in tasks:
        for own in task["verdicts"]:
            found.setdefault((own["predictor"], own["shots"]), []).append(own["word"])
    return [
        Count(predictor=key[0], shots=key[1], judged=len(words), beyond=words.count("beyond"))
        for key, words in found.items()
    ]


def _row(task: Task, key: tuple[str, int], name: str, said: Said, main: str) -> BenchmarkRow:
    assert said.clean is not None
    kind: Any = "model" if key[0] in OF_MODEL else "baseline"
    everywhere, rows = np.arange(len(said.clean)), np.flatnonzero(said.clean)
    scored, own = _scored(task, key, name, kind, said, everywhere, main)
    clean = None
    if 0 < len(rows) < len(everywhere):
        clean, _ = _scored(task, key, name, kind, said, rows, main)
    names = _METRICS if task.problem == "classes" else own["metrics"]
    return BenchmarkRow(
        **scored,
        predictor=key[0],
        name=name,
        kind=kind,
        shots=key[1],
        seeds=said.seeds[key],
        metrics={each: _metrics(own)[each] for each in names},
        per_seed=[each[main] for each in own["per_seed"]],
        clean=clean,
    )


def _scored(
    task: Task,
    key: tuple[str, int],
    name: str,
    kind: Any,
    said: Said,
    rows: NDArray[np.int64],
    main: str,
) -> tuple[Scored, Mapping[str, Any]]:
    """The main score on these test rows, and all that was measured there."""
    assert said.truth is not None
    predictions = [each[rows] for each in said.predictions[key]]
    own: Mapping[str, Any]
    if task.problem == "classes":
        own = score_row(name, kind, predictions, task.test.labels[rows])
    else:
        together = task.test.together
        groups = [together[at] for at in rows] if together else None
        targets = targets_of(task, "test")[rows]
        own = target_row(
            task.problem, name, kind, predictions, targets, task.classes, groups=groups
        )
    value, ends, why = _metrics(own)[main], own["intervals"][main], own["no_interval"].get(main)
    if is_drawn(*key) and value is not None and ends is not None:
        per_seed = scores_of(task.problem, predictions, said.truth[rows])
        ends, why = widened(value, ends, per_seed, most=1.0)
    return Scored(n=len(rows), score=value, interval=ends, no_interval=why), own


def _metrics(own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a row of classes they stand beside the rest; of one of numbers they are a key of it."""
    found: Mapping[str, Any] = own.get("metrics", own)
    return found
