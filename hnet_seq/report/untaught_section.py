"""Zero-shot tests of a benchmark on the page: a table a genome, verdicts, then every figure."""

from __future__ import annotations

from hnet_seq.report.html import Markup, element, table
from hnet_seq.report.wording import score
from hnet_seq.results.benchmark import BenchmarkUntaught
from hnet_seq.results.zero_shot import Figure, ZeroShotTest

_HOW = (
    "Nothing is learned here. Beyond says that the lower end of the model's interval lies above "
    "the upper end of every other row's, the twin's among them. Of synonymous_frequent and "
    "triplet_expansion a low score may come from knowing codon usage well: read them beside twin "
    "and codon usage."
)


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
    names = list(dict.fromkeys(row["name"] for test in found.tests for row in test.rows))
    rows = []
    for test in found.tests:
        own = {row["name"]: row["figures"].get(test.metric) for row in test.rows}
        cells = [score(figure["value"]) if (figure := own.get(name)) else "" for name in names]
        rows.append([test.test, test.metric, score(test.chance), *cells])
    return table(
        ("Test", "Measure", "By chance", *names),
        rows,
        caption="Zero-shot tests: the measure that the field reports",
        numeric=range(2, len(names) + 3),
    )


def _figures(test: ZeroShotTest) -> Markup:
    rows = []
    for row in test.rows:
        if why := row.get("refused"):
            rows.append([row["name"], "", "", why, ""])
        for name, figure in row["figures"].items():
            cells = [score(figure["value"]), _interval(figure), f"{figure['n']:,}"]
            rows.append([row["name"], name, *cells])
    settings = "; ".join(f"{key.replace('_', ' ')}: {own}" for key, own in test.settings.items())
    return table(
        ("Row", "Figure", "Value", "95% interval", "Of"),
        rows,
        caption=f"{test.test} ({settings})",
        numeric=(2, 3, 4),
    )


def _interval(figure: Figure) -> str:
    if figure["low"] is None or figure["high"] is None:
        return figure.get("no_interval") or "\u2013"
    return f"{figure['low']:.3f} to {figure['high']:.3f}"
