"""A benchmark on the page: what the model is beyond, then each task with its rows and audit."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report.audit_section import finding_list
from hnet_seq.report.classification_charts import Charted, score_chart
from hnet_seq.report.document import document
from hnet_seq.report.html import Markup, Section, element, figure, join, table
from hnet_seq.report.untaught_section import untaught_count, untaught_parts
from hnet_seq.report.wording import difference, plain, score, signed_interval
from hnet_seq.results.benchmark import (
    MAIN,
    ONE_STRAND,
    Benchmark,
    BenchmarkRow,
    BenchmarkTask,
    Count,
    Memory,
    Verdict,
)
from hnet_seq.results.classification import METRIC_NAMES

_SHORT = {
    "model": "Model, frozen",
    "fine-tuned": "Model, fine-tuned",
    "fine-tuned twin": "Twin, fine-tuned",
    "twin": "Untrained twin",
    "words": "Words",
    "letters": "Letters by place",
    "composition": "Composition",
    "length": "Length",
    "constant": "Guessing",
}
_WORDS = {
    "beyond": "Beyond all",
    "not beyond": "Not beyond",
    "chance": "No better than chance",
    "leak": "Leak",
    "memory": "Memory",
}
_CAN_SEE = (
    "Leak: half of the test rows or more have their like in training, so that nothing is judged. "
    "Memory: the model's lead over words is larger on training rows that the probe did not see "
    "than on test rows, so the model has learned these rows with their labels. That cannot show a "
    "model that has learned the test rows as well, nor one that met them without labels. "
    "Differences are paired over the test rows that have no like in training; beyond all says that "
    "the intervals of all of them lie above 0. No row is chosen by its score on the test."
)


def benchmark_page(found: Benchmark) -> str:
    """The page of one run, which needs nothing else."""
    section = benchmark_section(found)
    return document(
        f"{found.model} on {found.suite}: H-Net benchmark",
        element("a", "Skip to the results", href="#main", class_="skip"),
        element(
            "header",
            element("h1", f"{found.model} on {found.suite}"),
            element("p", found.title, class_="subtitle"),
        ),
        element("main", section, id="main"),
    )


def benchmark_section(found: Benchmark) -> Section:
    """Everything of ``benchmark.json``, what may be said first."""
    facts = [(key.replace("_", " "), plain(own)) for key, own in found.about.items()]
    facts += [(f"version of {name}", own) for name, own in found.versions.items()]
    if found.zero_shot:
        facts.append(("strands of zero-shot tests", ONE_STRAND))
    facts += [("seed", f"{found.seed}"), ("source of the data", found.source)]
    return Section(
        "benchmark",
        f"Benchmark {found.suite}",
        *[element("p", text) for text in _counts(found)],
        *([_overview(found), element("p", _CAN_SEE, class_="caption")] if found.tasks else ()),
        *(part for task in found.tasks for part in _task(task, found.shots)),
        *(part for own in found.zero_shot or () for part in untaught_parts(own)),
        element("h3", "How to repeat it"),
        table(("Detail", "Value"), facts),
    )


def _counts(found: Benchmark) -> list[str]:
    than = "every baseline and the untrained twin" if found.twin else "every baseline"
    said = [_count(own, than) for own in found.counts]
    if count := untaught_count(found.zero_shot or ()):
        said.append(f"Model, untaught: {count}.")
    if found.twin is None:
        said.append("No untrained twin: what pretraining is worth cannot be told.")
    if not found.met:
        said.append("The layout of this suite was read about; its own files were not met.")
    return said


def _count(own: Count, than: str) -> str:
    name = _SHORT.get(own["predictor"], own["predictor"])
    return (
        f"{name}, {_shots(own['shots'])}: beyond {than} on {own['beyond']} of "
        f"{own['judged']} tasks."
    )


def _overview(found: Benchmark) -> Markup:
    keys = list(
        dict.fromkeys(
            row["predictor"] for task in found.tasks for row in task["rows"] if not row["shots"]
        )
    )
    rows = []
    for task in found.tasks:
        own = {row["predictor"]: row for row in task["rows"] if not row["shots"]}
        cells = [score(own[key]["score"]) if key in own else "" for key in keys]
        verdict = _verdict(task, 0)
        rows.append([task["name"], _WORDS[verdict["word"]] if verdict else "", *cells])
    return table(
        ("Task", "Verdict", *(_SHORT.get(key, key) for key in keys)),
        rows,
        caption="All training rows: MCC, of numbers Spearman's rho, on all test rows",
        numeric=range(2, len(keys) + 2),
    )


def _task(task: BenchmarkTask, shots: Sequence[int]) -> list[Markup]:
    main = METRIC_NAMES[MAIN[task["problem"]]]
    full = [row for row in task["rows"] if not row["shots"]]
    leaked = task["n_test"] - task["n_clean"]
    said = (
        f"{task['about'][:1].upper()}{task['about'][1:]}. " * bool(task["about"])
        + f"{task['n_train']:,} rows to train on, {task['n_test']:,} to test"
        + (f", {leaked:,} of which have their like in training" if leaked else "")
        + (f". Split: {task['split']}" if task["split"] else "")
        + "."
    )
    if task["unchecked"]:
        said += f" No sha256 is known of {', '.join(task['unchecked'])}."
    parts = [element("h3", task["name"]), element("p", said)]
    if task["findings"]:
        parts.append(finding_list(task["findings"]))
    if task["other_findings"]:
        more = f"{task['other_findings']} lesser findings: hnet-seq audit tells them."
        parts.append(element("p", more, class_="caption"))
    for own in task["verdicts"]:
        name = f"{_SHORT.get(own['predictor'], own['predictor'])}, {_shots(own['shots'])}: "
        parts.append(element("p", element("strong", name), f"{own['text']}."))
    parts.append(
        figure(
            score_chart(
                [_charted(row) for row in full],
                description=f"{task['name']}: {main} of each row with its 95% interval",
                measure=main,
            ),
            "All training rows; higher is better, guessing stands at 0."
            + (" Grey ticks are without the rows that have their like in training." * bool(leaked)),
            join([_rows(task, main), _minus(task, main), _memory(task["memory"])]),
        )
    )
    if shots:
        parts.append(_few(task, shots, main))
    return parts


def _charted(row: BenchmarkRow) -> Charted:
    clean = row["clean"]
    left = None if clean is None else {"n": clean["n"], "mcc": clean["score"] or 0.0}
    return Charted(
        name=row["name"],
        kind=row["kind"],
        n=row["n"],
        mcc=row["score"] or 0.0,
        intervals={"mcc": row["interval"]},
        without_leaked=left,
    )


def _rows(task: BenchmarkTask, main: str) -> Markup:
    metrics = [name for name in task["rows"][0]["metrics"] if name != MAIN[task["problem"]]]
    head = ("Row", "Shots", main, "95% interval", "On clean rows", *map(_metric, metrics))
    rows = [
        (
            row["name"],
            f"{row['shots'] or 'all'}",
            score(row["score"]),
            _interval(row),
            score(row["clean"]["score"] if row["clean"] else row["score"]),
            *(score(row["metrics"][name]) for name in metrics),
        )
        for row in task["rows"]
    ]
    caption = f"The project reports {_metric(task['metric'])}."
    return table(head, rows, caption=caption, numeric=range(2, len(head)))


def _few(task: BenchmarkTask, shots: Sequence[int], main: str) -> Markup:
    names = {row["predictor"]: row["name"] for row in task["rows"]}
    found = {(row["predictor"], row["shots"]): row for row in task["rows"]}
    rows = [
        (name, *(_spread(found.get((key, count))) for count in shots))
        for key, name in names.items()
        if (key, shots[0]) in found
    ]
    head = ("Row", *(_shots(count) for count in shots))
    caption = f"{main} with few rows of each class: mean, and standard deviation over draws"
    return table(head, rows, caption=caption, numeric=range(1, len(head)))


def _spread(row: BenchmarkRow | None) -> str:
    if row is None:
        return ""
    known = [each for each in row["per_seed"] if each is not None]
    if len(known) < 2:
        return score(row["score"])
    mean = sum(known) / len(known)
    deviation = (sum((each - mean) ** 2 for each in known) / (len(known) - 1)) ** 0.5
    return f"{score(row['score'])} \u00b1 {deviation:.3f}"


def _minus(task: BenchmarkTask, main: str) -> Markup:
    names = {row["predictor"]: row["name"] for row in task["rows"]}
    rows = [
        (
            f"{_SHORT.get(own['predictor'], own['predictor'])} minus {names[own['other']]}",
            f"{own['shots'] or 'all'}",
            difference(own["value"]),
            signed_interval(own["interval"], own["no_interval"]),
        )
        for own in task["minus"]
    ]
    if not rows:
        return join([])
    head = ("Difference", "Shots", main, "95% interval")
    return table(head, rows, caption="Paired, on clean test rows", numeric=(2, 3))


def _memory(memory: Memory | None) -> Markup:
    if memory is None:
        return join([])
    rows = [
        ("training rows that the probe did not see", difference(memory["train"]), ""),
        ("test rows", difference(memory["test"]), ""),
        (
            "the one minus the other",
            difference(memory["gap"]),
            signed_interval(memory["interval"], memory["no_interval"]),
        ),
    ]
    caption = "Model minus words: a gap above 0.1 says that the training rows were learned"
    return table(("On", "Lead", "95% interval"), rows, caption=caption, numeric=(1, 2))


def _verdict(task: BenchmarkTask, shots: int) -> Verdict | None:
    found = (own for own in task["verdicts"] if own["shots"] == shots)
    return next(found, None)


def _interval(row: BenchmarkRow) -> str:
    ends = row["interval"]
    return row["no_interval"] or "\u2013" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _metric(name: str) -> str:
    return METRIC_NAMES.get(name, {"accuracy": "accuracy", "f1": "macro F1"}.get(name, name))


def _shots(count: int) -> str:
    return f"{count}-shot" if count else "all rows"
