"""Zero-shot tests of a benchmark on the page: a table a genome, verdicts, then every figure."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report.html import Markup, element, table
from hnet_seq.report.wording import interval_of, score
from hnet_seq.results.benchmark import BenchmarkUntaught
from hnet_seq.results.zero_shot import ZeroShotTest

MEMORY = "memorisation"
JUDGED = ("beyond", "level", "not beyond", "chance", "below chance")
_HOW = (
    "Nothing is learned here. Beyond says that the lower end of the model's interval lies above "
    "the upper end of every other row's, the twin's among them; level, that it lies so but for "
    "rows that reach the end of the scale, which nothing can pass, and beside which it is not "
    "lower. Of synonymous_frequent and "
    "triplet_expansion a low score may come from knowing codon usage well: read them beside twin "
    "and codon usage."
)


def untaught_count(tasks: Sequence[BenchmarkUntaught]) -> str:
    """In how many tests the model is beyond the others, and what memorisation says; "" of none."""
    verdicts = [own for each in tasks for own in each.verdicts]
    words = [own["word"] for own in verdicts if own["test"] != MEMORY]
    judged = sum(word in JUDGED for word in words)
    said = []
    if words:
        said.append(
            f"beyond every other row in {words.count('beyond')} of {judged} zero-shot tests"
        )
        if level := words.count("level"):
            said.append(f"level with one that cannot be passed in {level} of these")
        if apart := len(words) - judged:
            said.append(f"{apart} more are not judged")
    said += [f"{MEMORY}: {own['word']}" for own in verdicts if own["test"] == MEMORY]
    return "; ".join(said)


def untaught_parts(found: BenchmarkUntaught) -> list[Markup]:
    """Everything of one zero-shot task."""
    said = (
        f"{found.about[:1].upper()}{found.about[1:]}. "
        * bool(found.about)
        + f"{found.n_held_out:,} bases held out ({found.held_out}); the others, "
        f"{found.n_train:,}, are what the counting rows know."
    )
    if found.unchecked:
        said += f" No sha256 is known of {', '.join(found.unchecked)}."
    parts = [element("h3", f"{found.name}, untaught"), element("p", said)]
    told = {own["test"]: f"{own['text']}." for own in found.verdicts}
    told |= {part: f"left out: {why}." for part, why in found.left_out.items()}
    parts += [element("p", element("strong", f"{name}: "), text) for name, text in told.items()]
    if found.tests:
        parts += [_overview(found), element("p", _HOW, class_="caption")]
        parts += [_figures(test) for test in found.tests]
    return parts


def _overview(found: BenchmarkUntaught) -> Markup:
    keys = dict.fromkeys((row["kind"], row["name"]) for test in found.tests for row in test.rows)
    rows = []
    for test in found.tests:
        own = {(row["kind"], row["name"]): row["figures"].get(test.metric) for row in test.rows}
        cells = [score(figure["value"]) if (figure := own.get(key)) else "" for key in keys]
        rows.append([test.test, test.metric, score(test.chance), *cells])
    return table(
        ("Test", "Measure", "By chance", *(name for _, name in keys)),
        rows,
        caption="Zero-shot tests: the measure that the field reports",
        numeric=range(2, len(keys) + 3),
    )


def _figures(test: ZeroShotTest) -> Markup:
    rows = []
    for row in test.rows:
        if why := row.get("refused"):
            rows.append([row["name"], "", "", why, ""])
        for name, figure in row["figures"].items():
            cells = [score(figure["value"]), interval_of(figure), f"{figure['n']:,}"]
            rows.append([row["name"], name, *cells])
    settings = "; ".join(f"{key.replace('_', ' ')}: {own}" for key, own in test.settings.items())
    return table(
        ("Row", "Figure", "Value", "95% interval", "Of"),
        rows,
        caption=f"{test.test} ({settings})",
        numeric=(2, 3, 4),
    )
