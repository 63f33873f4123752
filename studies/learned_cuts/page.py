"""The page: its verdict, its tables and what is missing, from what has run and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from modalities.errors import UsageError
from pipelines.storage.files import replaced_file

from .design import DataSet, Only
from .findings import Row, duels, rows
from .plan import PHASES, Plan
from .plot import plot
from .verdict import verdict

MISSING = "missing"
_END = "<!-- end -->"


def write_page(plan: Plan, page: Path | None) -> None:
    """Print the blocks, or put each between its marks in a page, and the plot beside it.

    Raises:
        UsageError: the page has no such marks.
    """
    found = {data: rows(plan, data) for data in plan.study.data.values()}
    blocks = {
        "verdict": verdict(plan.study, found),
        "tables": tables(plan, found),
        "missing": missing(plan),
    }
    if page is None:
        print("\n\n".join(blocks.values()))
        return
    text = page.read_text()
    for name, block in blocks.items():
        mark = f"<!-- {name} -->\n"
        before, found_mark, rest = text.partition(mark)
        _, end, after = rest.partition(_END)
        if not (found_mark and end):
            raise UsageError(page, f"has no lines {mark.strip()} and {_END} for the block")
        text = f"{before}{mark}{block}\n{end}{after}"
    with replaced_file(page) as file:
        file.write(text)
    with replaced_file(page.with_suffix(".svg")) as file:
        file.write(plot(plan, found))


def tables(plan: Plan, found: dict[DataSet, list[Row]]) -> str:
    """A table for each data set of which something has run."""
    shown = []
    for data, own in found.items():
        if any(row.time for row in own):
            shown.append(f"### {data.title}\n\n{_table(plan, data, own)}\n{_crossings(plan, own)}")
    return "\n\n".join(shown) or "Nothing has run yet."


def _table(plan: Plan, data: DataSet, own: list[Row]) -> str:
    letter = data.letter
    head = [
        *("arm", f"MFLOP a {letter}", f"{letter}s a CPU s", f"{letter}s a chunk or token"),
        *(
            "CPU s, all",
            "rate",
            "bits, equal time",
            "bits, equal work",
            "a doubling takes off",
            "test half",
        ),
    ]
    lowest = min((row.bits for row in own if row.bits is not None), default=None)
    lines = [head, ["---"] * len(head)]
    for row in own:
        cost, some = row.cost, next(iter(row.time.values()), None)
        lines.append(
            [
                row.arm.title,
                f"{cost.flops / 1e6:.2f}" if cost else MISSING,
                f"{cost.batch / cost.seconds:,.0f}" if cost else MISSING,
                _length(some.chunks, some.letters_per_token) if some else MISSING,
                f"{some.spent:.0f}" if some else MISSING,
                _rate(plan, row),
                _bits(row, row.bits == lowest),
                f"{row.work.bits:.4f}" if row.work else MISSING,
                f"{row.slope:.4f}" if row.slope is not None else MISSING,
                f"{row.test:.4f}" if row.test is not None else "closed",
            ]
        )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _length(chunks: list[float], letters_per_token: float) -> str:
    if chunks:
        return " x ".join(f"{chunk:.2f}" for chunk in chunks)
    return f"{letters_per_token:.2f}" if letters_per_token > 1 else "1"


def _rate(plan: Plan, row: Row) -> str:
    if not row.tried:
        return MISSING
    count, whole = len(row.tried), len(plan.study.rates)
    edge = ", at the edge" if count == whole > 1 and row.rate in _ends(plan) else ""
    return f"x{row.rate:g}, best of {count}{edge}"


def _ends(plan: Plan) -> tuple[float, float]:
    return min(plan.study.rates), max(plan.study.rates)


def _bits(row: Row, lowest: bool) -> str:
    if row.bits is None:
        return MISSING
    mean = f"**{row.bits:.4f}**" if lowest else f"{row.bits:.4f}"
    each = " ".join(f"{one.bits:.4f}" for one in row.time.values())
    return f"{mean} ({each})" if len(row.time) > 1 else mean


def _crossings(plan: Plan, own: list[Row]) -> str:
    """How far the best learned arm is from each rival, and where the lines would cross."""
    said = []
    for one in duels(own).values():
        name = f"{one.learned.arm.title} against {one.rival.arm.title}: {one.gap:+.4f} bits"
        if one.gap > 0:
            times = one.crossing
            if one.closing is None:
                name += "; without both short runs nothing is known of a crossing"
            elif times is None:
                name += f", {-one.closing:+.4f} a doubling: no crossing in sight"
            else:
                name += (
                    f", {-one.closing:+.4f} a doubling: the lines cross at {times:,.1f} times "
                    f"the budget, {times * plan.study.budget:,.0f} CPU s"
                )
        said.append(f"- {name}")
    return "\n".join(said)


def missing(plan: Plan) -> str:
    """What has not run, by data set and phase."""
    counts: Counter[tuple[str, str]] = Counter()
    for phase, run in plan.missing(Only()):
        counts[run.data.title, phase] += 1
    said = []
    for data in plan.study.data.values():
        parts = [
            f"{counts[data.title, phase]} of `{phase}`"
            for phase in PHASES
            if counts[data.title, phase]
        ]
        names = Only(frozenset([data.name]))
        if unmeasured := plan.unmeasured(names):
            arms = "arm" if len(unmeasured) == 1 else "arms"
            parts.append(f"all runs of {len(unmeasured)} {arms} whose cost is not measured")
        if not plan.close_arms(data):
            parts.append("`seeds`, which follow once all rates are there")
        said.append(f"- {data.title}: " + (", ".join(parts) or "nothing"))
    return "\n".join(["Missing are", "", *said])
