"""What a run leaves: its record, a submission, predictions to compare with, and a page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.commands.benchmark import PAGE, PREDICTIONS, RECORD, SUBMISSION
from hnet_seq.report.benchmark_section import benchmark_page
from hnet_seq.results.benchmark import (
    MAIN,
    ONE_STRAND,
    Benchmark,
    BenchmarkRow,
    BenchmarkTask,
    BenchmarkUntaught,
)
from hnet_seq.results.zero_shot import ZeroShotRow, ZeroShotTest
from hnet_seq.tasks.benchmarking.cells import OF_MODEL
from hnet_seq.tasks.benchmarking.rows import Said
from pipelines.storage.files import replaced_file, replaced_stream

COLUMNS = (
    *("suite", "task", "model", "fingerprint", "predictor", "kind", "shots", "seeds", "n_train"),
    *("n_test", "main", "score", "low", "high", "sd", "clean_n", "clean_score", "metric", "value"),
    "verdict",
)
"""Of ``submission.tsv``: ``main`` is what is judged by, ``metric`` what the project reports."""


RUN = "|run"
"""In the predictions: hash of the record that they go with. No task's name begins with it."""


def outputs_of(out: Path) -> list[Path]:
    """All files of a run, the record first."""
    return [out / name for name in (RECORD, PAGE, PREDICTIONS, *SUBMISSION)]


def run_hash(found: Benchmark) -> str:
    """Of what predictions depend on, and of the scores that they have."""
    known = {
        "run": [found.suite, found.model, found.fingerprint, found.seed, found.seeds],
        "versions": found.versions,
        "tasks": [
            [own["name"], own["fingerprint"], [[row["predictor"], row["per_seed"]] for row in rows]]
            for own in found.tasks
            for rows in [own["rows"]]
        ],
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def write_run(found: Benchmark, said: Sequence[Said], out: Path) -> None:
    """All files; the record last, since a finished run is known by it, and that of a run before
    goes first: what is killed between leaves none that other files lie beside."""
    arrays = {
        f"{task['name']}|{predictor}|{shots}": np.stack(own)
        for task, each in zip(found.tasks, said, strict=True)
        for (predictor, shots), own in each.predictions.items()
        if predictor in OF_MODEL
    }
    arrays |= {
        f"{task['name']}|truth": _truth(task, each)
        for task, each in zip(found.tasks, said, strict=True)
    }
    arrays[RUN] = np.array(run_hash(found))
    (out / RECORD).unlink(missing_ok=True)
    with replaced_stream(out / PREDICTIONS) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    lines = submission(found)
    tsv, js = (out / name for name in SUBMISSION)
    with replaced_file(tsv) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for line in lines:
            stream.write("\t".join(_cell(line[name]) for name in COLUMNS) + "\n")
    about = {
        "suite": found.suite,
        "model": found.model,
        "fingerprint": found.fingerprint,
        "about": found.about,
        "twin": found.twin,
        "seed": found.seed,
        "versions": found.versions,
        "data": {task["name"]: task["fingerprint"] for task in found.tasks}
        | {own.name: own.fingerprint for own in found.zero_shot or ()},
        **({"zero_shot_strands": ONE_STRAND} if found.zero_shot else {}),
        "counts": found.counts,
        "rows": lines,
    }
    with replaced_file(js) as stream:
        json.dump(about, stream, indent=1)
        stream.write("\n")
    with replaced_file(out / PAGE) as stream:
        stream.write(benchmark_page(found))
    found.write(out / RECORD)


def _truth(task: BenchmarkTask, said: Said) -> np.ndarray:
    """(3, N): truth, 1 for clean rows, numbers of groups."""
    assert said.truth is not None, task["name"]
    assert said.clean is not None, task["name"]
    assert said.groups is not None, task["name"]
    return np.stack([own.astype(np.float64) for own in (said.truth, said.clean, said.groups)])


def submission(found: Benchmark) -> list[dict[str, Any]]:
    """A line for each row of each task, and of each zero-shot test."""
    lines = [_line(found, task, row) for task in found.tasks for row in task["rows"]]
    for own in found.zero_shot or ():
        words = {each["test"]: each["word"] for each in own.verdicts}
        lines += [
            _untaught_line(found, own, test, row, words[test.test])
            for test in own.tests
            for row in test.rows
        ]
    return lines


def _line(found: Benchmark, task: BenchmarkTask, row: BenchmarkRow) -> dict[str, Any]:
    ends: Sequence[float | None] = row["interval"] or (None, None)
    clean = row["clean"]
    known = [each for each in row["per_seed"] if each is not None]
    word = next(
        (
            own["word"]
            for own in task["verdicts"]
            if (own["predictor"], own["shots"]) == (row["predictor"], row["shots"])
        ),
        "",
    )
    return {
        "suite": found.suite,
        "task": task["name"],
        "model": found.model,
        "fingerprint": found.fingerprint.split()[0],
        "predictor": row["name"],
        "kind": row["kind"],
        "shots": row["shots"] or "all",
        "seeds": len(row["seeds"]),
        "n_train": task["n_train"],
        "n_test": row["n"],
        "main": MAIN[task["problem"]],
        "score": row["score"],
        "low": ends[0],
        "high": ends[1],
        "sd": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "clean_n": row["n"] if clean is None else clean["n"],
        "clean_score": row["score"] if clean is None else clean["score"],
        "metric": task["metric"],
        "value": row["metrics"][task["metric"]],
        "verdict": word,
    }


def _untaught_line(
    found: Benchmark, own: BenchmarkUntaught, test: ZeroShotTest, row: ZeroShotRow, word: str
) -> dict[str, Any]:
    """Nothing is learned: there are no training rows, no shots, and one figure."""
    figure = row["figures"].get(test.metric)
    n, value, low, high = (
        (0, None, None, None)
        if figure is None
        else (figure["n"], figure["value"], figure["low"], figure["high"])
    )
    return {
        "suite": found.suite,
        "task": f"{own.name}: {test.test}",
        "model": found.model,
        "fingerprint": found.fingerprint.split()[0],
        "predictor": row["name"],
        "kind": row["kind"],
        "shots": "zero",
        "seeds": 1,
        "n_train": 0,
        "n_test": n,
        "main": test.metric,
        "score": value,
        "low": low,
        "high": high,
        "sd": None,
        "clean_n": n,
        "clean_score": value,
        "metric": test.metric,
        "value": value,
        "verdict": word if row["kind"] == "model" else "",
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else " ".join(f"{value}".split())
