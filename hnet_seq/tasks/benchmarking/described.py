"""A benchmark for a terminal: rows of each task, its verdicts, and what is beyond all of them."""

from __future__ import annotations

from hnet_seq.evidence.measures.score_rows import aligned
from hnet_seq.report.untaught_section import untaught_count
from hnet_seq.report.wording import interval_of
from hnet_seq.results.benchmark import Benchmark, BenchmarkTask, BenchmarkUntaught
from hnet_seq.tasks.benchmarking.cells import OF_MODEL


def described(found: Benchmark) -> str:
    """Each task's rows on all training rows, zero-shot tests, and what is beyond all others."""
    lines = [f"{found.model} on {found.suite}: {found.title}"]
    for task in found.tasks:
        lines += ["", *_task_lines(task)]
    for each in found.zero_shot or ():
        lines += ["", *_untaught_lines(each)]
    lines.append("")
    lines += [
        f"{own['predictor']}, {_shots(own['shots'])}: beyond every baseline"
        f"{' and the twin' if found.twin else ''} on {own['beyond']} of {own['judged']} tasks"
        for own in found.counts
    ]
    if count := untaught_count(found.zero_shot or ()):
        lines.append(f"untaught: {count}")
    if found.twin is None:
        lines.append("no untrained twin: what pretraining is worth cannot be told")
    return "\n".join(lines)


def _task_lines(task: BenchmarkTask) -> list[str]:
    lines = [
        f"{task['name']}: {task['n_train']:,} to train on, {task['n_test']:,} to test "
        f"({task['n_clean']:,} without their like in train); {task['about']}"
    ]
    lines += [f"!! {each['kind']}: {each['text']}" for each in task["findings"]]
    if task["other_findings"]:
        lines.append(f"   and {task['other_findings']} lesser findings: hnet-seq audit tells them")
    shots = list(dict.fromkeys(row["shots"] for row in task["rows"]))
    main = "Spearman" if task["problem"] == "regression" else "MCC"
    table = [["", *(f"{main}, {_shots(each)}" for each in shots), "95% interval, all rows"]]
    for row in task["rows"]:
        if row["shots"] == shots[0]:
            own = [
                next(
                    (
                        _score(each["score"])
                        for each in task["rows"]
                        if (each["predictor"], each["shots"]) == (row["predictor"], count)
                    ),
                    "",
                )
                for count in shots
            ]
            ends = row["interval"]
            sure = row["no_interval"] if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"
            table.append([row["name"], *own, f"{sure}"])
    lines.append(aligned(table))
    lines += [
        f"{own['predictor']}, {_shots(own['shots'])}: {own['text']}"
        for own in task["verdicts"]
        if own["predictor"] in OF_MODEL
    ]
    return lines


def _untaught_lines(found: BenchmarkUntaught) -> list[str]:
    lines = [
        f"{found.name}: untaught, {found.n_held_out:,} bases held out ({found.held_out}), "
        f"{found.n_train:,} counted; {found.about}"
    ]
    table = [["", "", "value", "95% interval"]]
    for test in found.tests:
        for row in test.rows:
            figure = row["figures"].get(test.metric)
            cells = ["n/a", row.get("refused") or ""]
            if figure is not None:
                cells = [_score(figure["value"]), interval_of(figure)]
            table.append([f"{test.test}, {test.metric}", row["name"], *cells])
    if found.tests:
        lines.append(aligned(table))
    lines += [f"{own['test']}: {own['text']}" for own in found.verdicts]
    lines += [f"{part} is left out: {why}" for part, why in found.left_out.items()]
    return lines


def _shots(count: int) -> str:
    return f"{count}-shot" if count else "all rows"


def _score(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
