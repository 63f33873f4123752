"""The section about one region: its dependency map beside the controls', bases, and chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import hnet_seq.report.dependency_chart as chart
from hnet_seq.report import svg
from hnet_seq.report.html import Markup, Section, caption, element, figure, join, table
from hnet_seq.report.wording import DASH, difference, limits, rate, ratio
from hnet_seq.results.explanation import (
    MARKOV,
    SHUFFLED,
    TWIN,
    Above,
    BaseTracks,
    ChunkEffect,
    Explanation,
    OfPairs,
)

_LISTED = 20  # chunks
_WIDTH, _HEIGHT, _LEFT, _TOP = 760.0, 190.0, 62.0, 34.0
_TRACKS = {
    "gradient": "gradient times input",
    "integrated": "integrated gradients",
    "mutagenesis": "mutagenesis",
}
_SAID = {SHUFFLED: "shuffled sequence", TWIN: "the untrained twin", MARKOV: "a Markov model"}
_WAYS = {**_TRACKS, "deleted": "deletion", "shuffled": "shuffling within"}


def explanation_section(found: Explanation) -> Section:
    """All of one region."""
    where = f"{found.name}:{found.start:,}-{found.end:,}"
    parts = [
        element(
            "p",
            f"{where}, {len(found.reference):,} bases, read in "
            f"{found.context_end - found.context_start + 1:,} ({found.context_start:,} to "
            f"{found.context_end:,}).",
        ),
        *_maps(found, where),
    ]
    if found.above:
        parts.append(_above(found.above))
    else:
        said = "It stands beside no shuffled sequence and no twin: nothing says what of it is more."
        parts.append(caption(said))
    if found.of_pairs:
        parts.append(_pairs(found.of_pairs))
    if found.bases is not None:
        parts.append(_bases(found, found.bases))
    if found.chunks:
        parts.append(_chunks(found.chunks))
    if found.agreement:
        parts.append(_agreement(found))
    return Section("explanation", "What depends on what", *parts)


def _maps(found: Explanation, where: str) -> Iterator[Markup]:
    own = found.dependencies.matrix()
    full = chart.full_at(own)
    halves = {
        "strands": "Right of the diagonal is what a base does to those behind it, left of it what "
        "it does to those before it, which the model has read on the reverse complement.",
        "forward": "Right of the diagonal is what a base does to those behind it; the other half "
        "was not asked for.",
        "both sides": "The model reads both sides of a base at once.",
    }[found.dependencies.reads]
    outlined = " Outlined are the annotated pairs." if found.arms else ""
    yield figure(
        chart.map_chart(found, own, full, description=f"Dependency map of {where}"),
        "Each row is a base that is substituted by the three others, each column a base whose "
        "log-odds change by that; the largest change of log2 odds, in full colour from "
        f"{full:.2f} on. {halves}{outlined}",
        title="Dependency map",
    )
    controls = [(of, maps[0]) for of in (SHUFFLED, TWIN, MARKOV) if (maps := found.control(of))]
    if controls:
        said = "; ".join(_control(found, of) for of, _ in controls)
        named = [(_SAID[of], values) for of, values in controls]
        yield figure(
            chart.control_maps(found, named, full),
            f"The same maps, in the same colours, of {said}.",
            title="Its controls",
        )


def _control(found: Explanation, of: str) -> str:
    if of == SHUFFLED and found.shuffles > 1:
        return f"shuffled sequence, with the same dinucleotides, the first of {found.shuffles}"
    if of == MARKOV:
        own = next(own for own in found.controls if own.of == of)
        said = f"a Markov model of order {own.order}"
        if own.counted_without:
            return f"{said} of the genome, counted without this window"
        return f"{said}, as it was given: this sequence may have been counted"
    return {SHUFFLED: "sequence with the same dinucleotides"}.get(of, _SAID[of])


def _above(rows: Sequence[Above]) -> Markup:
    head = ("Beside", "Pairs apart", "Pairs", "Beyond", "By chance", "Mean, ratio")
    numbers = [
        (
            _SAID[row.control],
            f"{row.least_distance} or more",
            f"{row.pairs:,}",
            _percent(row.share),
            _percent(row.by_chance),
            f"{ratio(row.ratio)} ({limits((row.ratio_low, row.ratio_high), shown=ratio)})",
        )
        for row in rows
    ]
    said = caption(
        "Beyond: the share of pairs whose dependency is larger than that of all but one in a "
        "thousand of the control's pairs as far apart. Of several shuffled sequences each is left "
        "out once, and by chance is what it has beyond the same others. A share has no interval, "
        "as too few pairs make its threshold. That of the ratio is a jackknife over ten bases at a "
        "time, left out as substituted and as read."
    )
    return join(
        [
            element("h3", "How far the map is above its controls"),
            table(head, numbers, numeric=range(1, 6)),
            said,
        ]
    )


def _pairs(rows: Sequence[OfPairs]) -> Markup:
    head = ("Pairs", "In", "Number", "Dependency", "In the element", "p", "In the region", "p")
    numbers = [
        (
            row.name,
            _SAID.get(row.of, "the model"),
            f"{row.pairs:,}",
            rate(row.mean),
            rate(row.in_element),
            _chance(row.p_element, row.least_p_element),
            rate(row.in_region),
            _chance(row.p_region, row.least_p_region),
        )
        for row in rows
    ]
    said = caption(
        "The mean dependency of annotated pairs, of both directions, and of as many as far apart: "
        "the stretches that pair are moved together, within ten bases of the element or anywhere "
        "in the region. p is how often that gives as much, where the stretches do lie being one of "
        "the places; the least it can be is in brackets. Each row is a test of its own: of many "
        "names and maps some are low by chance."
    )
    return join(
        [
            element("h3", "Annotated pairs beside others as far apart"),
            table(head, numbers, numeric=range(2, 8)),
            said,
        ]
    )


def _bases(found: Explanation, tracks: BaseTracks) -> Markup:
    columns = {name: getattr(tracks, name) for name in _TRACKS}
    shown = {
        name: values
        for name, values in columns.items()
        if any(value is not None for value in values)
    }
    drawn = [
        part
        for index, (name, values) in enumerate(shown.items())
        for part in _track(found, _TRACKS[name], values, index * _HEIGHT)
    ]
    missed = ""
    if found.change is not None and found.missed is not None:
        missed = (
            f" Integrated gradients are to add up to {difference(found.change)} nats, and miss "
            f"{found.missed:.3f} of them on average: the jumps where a chunk begins or ends."
        )
    head = ("Position", "Letter", *(_TRACKS[name].capitalize() for name in shown))
    rows = [
        (f"{found.start + index:,}", letter, *(difference(own[index]) for own in shown.values()))
        for index, letter in enumerate(found.reference)
    ]
    return figure(
        svg.drawing(
            _WIDTH,
            len(shown) * _HEIGHT + 40,
            *drawn,
            description="What each base adds to the log-likelihood, in several ways",
            class_="chart track" if len(found.reference) > 300 else "chart",
        ),
        "What each base adds to the log-likelihood of the region, nats, against the other letters "
        f"(gradient, mutagenesis) or shuffled regions (integrated).{missed}",
        table(head, rows, numeric=(0, *range(2, len(head)))),
        title="Bases",
    )


def _track(
    found: Explanation, name: str, values: Sequence[float | None], above: float
) -> list[Markup]:
    known = [value for value in values if value is not None]
    low, high = min(*known, 0.0), max(*known, 0.0)
    x = svg.Scale(found.start - 1, found.end + 1, _LEFT, _WIDTH - 14)
    y = svg.Scale(low, high if high > low else low + 1, above + _HEIGHT - 26, above + _TOP)
    width = max((x.stop - x.start) / len(values) - 0.5, 0.8)
    parts = [svg.y_axis(y, x.start, x.stop, f"{name} (nats)", 3)]
    for index, value in enumerate(values):
        if value is not None:
            top, bottom = sorted((y(value), y(0)))
            tip = f"{found.reference[index]}{found.start + index:,}: {value:+.3f}"
            left = x(found.start + index) - width / 2
            parts.append(svg.rect(left, top, width, max(bottom - top, 0.5), "bar", tip))
    parts.append(svg.x_axis(x, above + _HEIGHT - 26, "", wanted=5))
    return parts


def _chunks(chunks: Sequence[ChunkEffect]) -> Markup:
    known = [own for own in chunks if own.deleted is not None]
    listed = sorted(known, key=lambda own: -abs(own.deleted or 0))[:_LISTED]
    head = ("Chunk", "Strand", "Stage", "Without it", "Shuffled within", "Gradient", "Mutagenesis")
    rows = [
        (
            f"{own.start + 1:,}-{own.end:,}",
            own.strand,
            f"{own.stage}",
            difference(own.deleted),
            f"{difference(own.shuffled)}{'*' if own.kept == 'letters' else ''}",
            difference(own.gradient),
            difference(own.mutagenesis),
        )
        for own in listed
    ]
    said = caption(
        f"The {len(listed)} of {len(chunks):,} chunks that those behind them on their strand miss "
        "most, or least: nats by which these are less likely without the chunk, or with its "
        "letters in another order that keeps its dinucleotides (* its letters only, as it is too "
        "short). Beside it what its bases have together, without their own probability."
    )
    return join([element("h3", "Chunks taken out"), table(head, rows, numeric=range(3, 7)), said])


def _agreement(found: Explanation) -> Markup:
    rows = [
        (row.items, _way(row.one), _way(row.other), f"{row.n:,}", difference(row.rho))
        for row in found.agreement
    ]
    head = ("Of", "One", "Other", "Number", "Spearman")
    said = caption(
        "Rank correlations. \u201cOf those behind\u201d is without the base's own probability, "
        "which gradient and mutagenesis have alike."
    )
    return join([element("h3", "Do the ways agree?"), table(head, rows, numeric=(3, 4)), said])


def _way(name: str) -> str:
    return {**_WAYS, "model": "the model's map", MARKOV: "the Markov model's map"}.get(name, name)


def _percent(value: float | None) -> str:
    return DASH if value is None else f"{value:.2%}"


def _chance(value: float | None, least: float | None) -> str:
    return DASH if value is None or least is None else f"{value:.4f} ({least:.4f})"
