"""``hnet-seq benchmark table``: several runs side by side, paired over the same test rows."""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hnet_seq.commands.benchmark import PREDICTIONS, RECORD
from hnet_seq.evidence.measures.score_rows import aligned
from hnet_seq.results.benchmark import Benchmark, BenchmarkTask, BenchmarkUntaught
from hnet_seq.results.read import read_result
from hnet_seq.results.zero_shot import Figure
from hnet_seq.tasks.benchmarking.cells import FULL, MODEL
from hnet_seq.tasks.benchmarking.draws import is_drawn
from hnet_seq.tasks.benchmarking.judge import difference
from hnet_seq.tasks.benchmarking.written import RUN, run_hash
from modalities.errors import InputError, UsageError
from pipelines.storage.files import check_file, replaced_file

HEAD = ("task", "shots", "run", "model", "score", "low", "high", "minus first", "low", "high")


def main(args: argparse.Namespace) -> int:
    """Print the table; the first run is what the others are held against."""
    out = check_file(args.out) if args.out else None
    runs = [(Path(run), read_result(Path(run) / RECORD, Benchmark)) for run in args.runs]
    lines = compared(runs)
    if out is not None:
        with replaced_file(out) as stream:
            for line in (HEAD, *lines):
                stream.write("\t".join(line) + "\n")
    print(aligned([[*HEAD], *lines]))
    return 0


def compared(runs: Sequence[tuple[Path, Benchmark]]) -> list[list[str]]:
    """A line for each task, number of shots and run, on test rows that are clean in the first.

    Raises:
        InputError: runs on other data, or a file that is damaged.
        UsageError: runs that share no task.
    """
    arrays = [_read(folder / PREDICTIONS, run) for folder, run in runs]
    (_, first), *_ = runs
    shared = [
        task
        for task in first.tasks
        if all(task["name"] in [own["name"] for own in run.tasks] for _, run in runs)
    ]
    untaught = [
        own
        for own in first.zero_shot or ()
        if all(own.name in [each.name for each in run.zero_shot or ()] for _, run in runs)
    ]
    if not (shared or untaught):
        raise UsageError("runs", "share no task; give runs on one suite")
    lines = []
    for task in shared:
        for (folder, _), own in zip(runs, (_task(run, task) for _, run in runs), strict=True):
            _check_data(folder, runs[0][0], task["name"], own["fingerprint"], task["fingerprint"])
        shots = [row["shots"] for row in task["rows"] if row["predictor"] == MODEL]
        for count in shots:
            lines += _lines(runs, arrays, task, count)
    return [*lines, *(line for own in untaught for line in _untaught_lines(runs, own))]


def _untaught_lines(
    runs: Sequence[tuple[Path, Benchmark]], first: BenchmarkUntaught
) -> list[list[str]]:
    """Figures of zero-shot tests; differences have no interval, as nothing of a window is kept."""
    lines = []
    tasks = [
        next(each for each in run.zero_shot or () if each.name == first.name) for _, run in runs
    ]
    _check_asked([folder for folder, _ in runs], tasks)
    for name in dict.fromkeys(test.test for task in tasks for test in task.tests):
        base: float | None = None
        for index, ((folder, run), task) in enumerate(zip(runs, tasks, strict=True)):
            figure = _figure_of_model(task, name)
            value = figure["value"] if figure else None
            cells = [_shown(figure[end] if figure else None) for end in ("value", "low", "high")]
            apart = None if value is None or base is None else value - base
            minus = [_shown(apart, "+"), "", ""] if index else ["", "", ""]
            base = base if index else value
            shown = [f"{first.name}: {name}", "zero", folder.name, run.model]
            lines.append([*shown, *cells, *minus])
    return lines


def _figure_of_model(task: BenchmarkUntaught, name: str) -> Figure | None:
    """None where the model was not asked, or could not be."""
    for test in task.tests:
        if test.test == name:
            return next(row["figures"][test.metric] for row in test.rows if row["kind"] == "model")
    return None


def _check_asked(folders: Sequence[Path], tasks: Sequence[BenchmarkUntaught]) -> None:
    """Raise InputError where runs were asked one test on other sequences, or by other numbers."""
    asked: dict[str, tuple[Path, dict[str, Any]]] = {}
    for folder, task in zip(folders, tasks, strict=True):
        for part, own in task.asked.items():
            where, first = asked.setdefault(part, (folder, own))
            name = f"{task.name}, {part},"
            _check_data(folder, where, name, own["data"], first["data"])
            other = [
                f"{key} {own.get(key)} in place of {value}"
                for key, value in first.items()
                if own.get(key) != value
            ]
            if other:
                raise InputError(
                    folder,
                    f"{name} is asked otherwise than in {where} ({'; '.join(other)}); run both by "
                    "one suite with one --seed",
                )


def _check_data(folder: Path, other: Path, task: str, own: str, first: str) -> None:
    if own != first:
        raise InputError(
            folder,
            f"{task} is of other sequences, labels or splits than in {other}; run both on the "
            "same data with one --seed",
        )


def _lines(
    runs: Sequence[tuple[Path, Benchmark]],
    arrays: Sequence[dict[str, NDArray[Any]]],
    task: BenchmarkTask,
    shots: int,
) -> list[list[str]]:
    key = f"{task['name']}|{MODEL}|{shots}"
    truth, clean, groups = arrays[0][f"{task['name']}|truth"]
    rows = np.flatnonzero(clean)
    lines = []
    seeds = None
    for (folder, run), own in zip(runs, arrays, strict=True):
        if key not in own:
            continue
        (row,) = (
            each
            for each in _task(run, task)["rows"]
            if (each["predictor"], each["shots"]) == (MODEL, shots)
        )
        seeds = seeds or row["seeds"]
        drawn = is_drawn(MODEL, shots)
        if drawn and row["seeds"] != seeds:
            raise InputError(
                folder,
                f"{task['name']}, {shots}-shot, is of other draws (seeds {row['seeds']}) than in "
                f"{runs[0][0]} (seeds {seeds}); run both with one --seed and --seeds",
            )
        ends = row["interval"] or (None, None)
        cells = [_shown(value) for value in (row["score"], *ends)]
        minus = ["", "", ""]
        if own is not arrays[0] and len(rows):
            own_rows, first = (list(each[key][:, rows]) for each in (own, arrays[0]))
            found = difference(
                task["problem"], own_rows, first, truth[rows], groups[rows], drawn=drawn
            )
            sure = found.interval or (None, None)
            minus = [_shown(value, "+") for value in (found.value, *sure)]
        shown = "all" if shots == FULL else f"{shots}"
        lines.append([task["name"], shown, folder.name, run.model, *cells, *minus])
    return lines


def _task(run: Benchmark, task: BenchmarkTask) -> BenchmarkTask:
    return next(own for own in run.tasks if own["name"] == task["name"])


def _read(path: Path, run: Benchmark) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error, AttributeError) as error:
        raise InputError(path, f"cannot be read ({error}); run the benchmark again") from None
    if f"{found.get(RUN)}" != run_hash(run):
        raise InputError(path, f"is not of the run in {RECORD} beside it; run the benchmark again")
    return found


def _shown(value: float | None, sign: str = "") -> str:
    return "n/a" if value is None else f"{value:{sign}.3f}"
