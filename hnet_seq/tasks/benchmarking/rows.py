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
from hnet_seq.tasks.benchmarking.judge import differences, remembered, verdicts
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
    """

    predictions: dict[tuple[str, int], list[NDArray[np.floating]]] = field(default_factory=dict)
    seeds: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    held: dict[str, tuple[NDArray[np.int64], NDArray[np.floating]]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    clean: NDArray[np.bool_] | None = None
    truth: NDArray[Any] | None = None


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
    numbers = task.problem == "regression"
    said.truth = targets_of(task, "test")[:, 0] if numbers else task.test.labels
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
        unchecked=[name for name in own.files if name not in own.sha256],
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
    predictions = said.predictions[key]
    kind: Any = "model" if key[0] in OF_MODEL else "baseline"
    own: Any
    assert said.clean is not None
    if task.problem == "classes":
        own = score_row(name, kind, predictions, task.test.labels, clean=said.clean)
        metrics, left = {each: own[each] for each in _METRICS}, own["without_leaked"]
        per_seed = [each[main] for each in own["per_seed"]]
        clean = None if left is None else _scored(left["n"], left, left[main], main)
    else:
        targets, groups = targets_of(task, "test"), task.test.together
        own = _targets(task, name, kind, predictions, targets, groups)
        metrics = dict(own["metrics"])
        per_seed = [each[main] for each in own["per_seed"]]
        rows = np.flatnonzero(said.clean)
        clean = None
        if len(rows):
            names = None if groups is None else [groups[at] for at in rows]
            kept = [each[rows] for each in predictions]
            inside = _targets(task, name, kind, kept, targets[rows], names)
            clean = _scored(len(rows), inside, inside["metrics"][main], main)
    if clean is not None and clean["n"] == len(task.test.labels):
        clean = None
    return BenchmarkRow(
        **_scored(len(task.test.labels), own, metrics[main], main),
        predictor=key[0],
        name=name,
        kind=kind,
        shots=key[1],
        seeds=said.seeds[key],
        metrics=metrics,
        per_seed=per_seed,
        clean=clean,
    )


def _targets(
    task: Task,
    name: str,
    kind: Any,
    predictions: Sequence[NDArray[np.floating]],
    targets: NDArray[np.float64],
    groups: Sequence[str] | None,
) -> Mapping[str, Any]:
    return target_row(task.problem, name, kind, predictions, targets, task.classes, groups=groups)


def _scored(n: int, own: Mapping[str, Any], score: float | None, main: str) -> Scored:
    return Scored(
        n=n,
        score=score,
        interval=own["intervals"][main],
        no_interval=own["no_interval"].get(main),
    )
