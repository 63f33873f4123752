"""What a run leaves: its record, a submission, predictions to compare with, and a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.commands.benchmark import PAGE, PREDICTIONS, RECORD, SUBMISSION
from hnet_seq.report.benchmark_section import benchmark_page
from hnet_seq.results.benchmark import MAIN, Benchmark, BenchmarkRow, BenchmarkTask
from hnet_seq.tasks.benchmarking.cells import OF_MODEL
from hnet_seq.tasks.benchmarking.rows import Said
from pipelines.storage.files import replaced_file, replaced_stream

COLUMNS = (
    *("suite", "task", "model", "fingerprint", "predictor", "kind", "shots", "seeds", "n_train"),
    *("n_test", "main", "score", "low", "high", "sd", "clean_n", "clean_score", "metric", "value"),
    "verdict",
)
"""Of ``submission.tsv``: ``main`` is what is judged by, ``metric`` what the project reports."""


def write_run(found: Benchmark, said: Sequence[Said], out: Path) -> None:
    """All files; the record last, since a finished run is known by it."""
    arrays = {
        f"{task['name']}|{predictor}|{shots}": np.stack(own).astype(np.float32)
        for task, each in zip(found.tasks, said, strict=True)
        for (predictor, shots), own in each.predictions.items()
        if predictor in OF_MODEL
    }
    arrays |= {
        f"{task['name']}|truth": _truth(task, each)
        for task, each in zip(found.tasks, said, strict=True)
    }
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
        "data": {task["name"]: task["fingerprint"] for task in found.tasks},
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
    assert said.truth is not None, task["name"]
    assert said.clean is not None, task["name"]
    return np.stack([said.truth.astype(np.float64), said.clean.astype(np.float64)])


def submission(found: Benchmark) -> list[dict[str, Any]]:
    """A line for each row of each task."""
    return [_line(found, task, row) for task in found.tasks for row in task["rows"]]


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


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else f"{value}"
