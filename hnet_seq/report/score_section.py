"""The section about scores: variants by kind, measured effects, mutagenesis of a stretch."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report import svg
from hnet_seq.report.heat_map import MOST, heat_map
from hnet_seq.report.html import Markup, Section, element, figure, table
from hnet_seq.report.wording import difference, limits, rate
from hnet_seq.results.record import Result
from hnet_seq.results.scores import (
    Agreement,
    EffectRow,
    KindScores,
    Measured,
    Mutagenesis,
    SequenceScores,
    VariantScores,
)

_WIDTH, _PITCH, _TOP = 600.0, 30.0, 34.0
_LLR = "log-likelihood with the variant less that without, nats"

_TITLES = {
    "sequences": "Likelihood of sequences",
    "variants": "Effects of variants",
    "measured": "Scores beside measured effects",
    "mutagenesis": "Every single-base change",
}

_BASELINES = {
    "edits": "bases that differ",
    "length_change": "bases gained",
    "gc_change": "G and C gained",
    "transition": "transition or not (SNV)",
    "markov_llr": "the same difference under a Markov model",
}


def score_section(found: SequenceScores | VariantScores | Measured | Mutagenesis) -> Section:
    """One of the files that ``score`` leaves."""
    if isinstance(found, Measured):
        parts = _measured(found)
    else:
        parts = _mutagenesis(found) if isinstance(found, Mutagenesis) else _scores(found)
    return Section("scores", _TITLES[found.KIND], *parts)


def _scores(found: SequenceScores | VariantScores) -> list[Markup]:
    if isinstance(found, SequenceScores):
        said = f"{rate(found.bits_per_base)} bits per base over {found.scored:,} scored bases."
        return [element("p", said), _details(found)]
    skipped = ", ".join(f"{n:,} {why.replace('_', ' ')}" for why, n in found.skipped.items())
    left_out = f"; left out: {skipped}" if skipped else "; none was left out"
    parts = [element("p", f"{found.scored:,} alleles have a score{left_out}.")]
    if (on := found.haplotypes) is not None:
        moved = ""
        if on.change is not None:
            low, middle, high = (difference(on.change[index]) for index in (0, 2, 4))
            moved = f" Other alleles move a score by {middle} (5% {low}, 95% {high})."
        said = (
            f"On {on.haplotypes:,} haplotypes of {on.samples:,} samples ({on.file}): {on.scored:,} "
            f"of {on.rows:,} rows have a score, {on.with_neighbours:,} with other alleles of the "
            f"haplotype in the window.{moved} All below is of the genome itself."
        )
        parts.append(element("p", said))
    if found.by_kind:
        parts.append(
            figure(
                _distribution(found.by_kind),
                f"{_LLR.capitalize()}: negative where the model finds the variant less likely. The "
                "dot is the median, the thick line holds half of the alleles and the thin one nine "
                "in ten. The two windows of an insertion or deletion end at the same places of the "
                "genome; each base gained or lost is held against a random letter.",
                table(
                    ("Kind", "Alleles", "Mean", "SD", "5%", "Median", "95%"),
                    [
                        (
                            row.kind,
                            f"{row.count:,}",
                            difference(row.mean),
                            rate(row.sd),
                            *(difference(row.quantiles[k]) for k in (0, 2, 4)),
                        )
                        for row in found.by_kind
                    ],
                    numeric=range(1, 7),
                ),
                title="Variants by kind",
            )
        )
    if found.strand_agreement:
        parts.append(_strands(found.strand_agreement))
    if found.baselines:
        parts.append(
            table(
                ("What needs no network", "Spearman with the score"),
                [(_BASELINES.get(x.name, x.name), difference(x.rho)) for x in found.baselines],
                caption="How much of the order of the scores trivial numbers explain",
                numeric=(1,),
            )
        )
    return [*parts, _details(found)]


def _distribution(rows: Sequence[KindScores]) -> Markup:
    left = max(svg.text_width(row.kind) for row in rows) + 20
    bottom = _TOP + _PITCH * len(rows) + 6
    x = _scale([value for row in rows for value in (*row.quantiles, 0.0)], left)
    parts = svg.grid(x, _TOP, bottom)
    parts.append(svg.line(x(0), _TOP - 8, x(0), bottom, "control"))
    for index, row in enumerate(rows):
        y = _TOP + _PITCH * (index + 0.5)
        low, quarter, middle, three_quarters, high = (x(value) for value in row.quantiles)
        tip = f"{row.kind}: median {row.quantiles[2]:+.3f} nats, {row.count:,} alleles"
        parts += [
            svg.text(left - 10, y + 4, row.kind, text_anchor="end", class_="row-name"),
            svg.line(low, y, high, y, "axis"),
            svg.rect(quarter, y - 6, three_quarters - quarter, 12, "bar"),
            svg.circle(middle, y, 5, "model dot", tip),
        ]
    return svg.drawing(
        _WIDTH,
        bottom + 46,
        *parts,
        svg.x_axis(x, bottom, "log-likelihood ratio (nats)"),
        description=f"{_LLR}, by kind of variant",
    )


def _strands(found: Agreement) -> Markup:
    size, left = 380.0, 62.0
    values = [value for point in found.points for value in point]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.06 * (high - low) or 0.1
    x = svg.Scale(low - margin, high + margin, left, size)
    y = svg.Scale(low - margin, high + margin, size - 40, 30)
    drawn = svg.drawing(
        _WIDTH,
        size + 12,
        svg.y_axis(y, left, size, "reverse strand (nats)"),
        svg.line(x(x.low), y(y.low), x(x.high), y(y.high), "control"),
        *(svg.circle(x(one), y(two), 2.6, "model dot") for one, two in found.points),
        svg.x_axis(x, size - 40, "forward strand (nats)"),
        description="Scores of the forward and the reverse strand",
    )
    shown = f"{len(found.points):,} of {found.n:,}" if found.n > len(found.points) else "all"
    return figure(
        drawn,
        f"Scores of the two strands, {shown} alleles: Spearman {difference(found.rho)}. The model "
        "reads each strand from its own left, so the two are different evidence; the score is "
        "their mean.",
        title="Do the strands agree?",
    )


def _measured(found: Measured) -> list[Markup]:
    rows = found.rows
    leak = (
        f" {found.shared_with_train:,} test rows have a copy in training."
        if found.shared_with_train
        else ""
    )
    return [
        figure(
            _rankings(rows),
            f"Spearman's rank correlation with {found.measured} on the same {found.n_test:,} test "
            "rows, with 95% intervals over groups of rows "
            f"(seed {found.seed}). Fitted rows are ridge regressions on {found.n_train:,} training "
            f"rows; the others have seen no measurement.{leak}",
            table(
                ("", "Kind", "Fitted", "Spearman", "95% interval"),
                [
                    (
                        row["name"],
                        row["kind"],
                        "yes" if row["fitted"] else "no",
                        difference(row["spearman"]["rho"]),
                        limits(
                            (row["spearman"]["low"], row["spearman"]["high"]),
                            row["spearman"].get("no_interval"),
                            difference,
                        ),
                    )
                    for row in rows
                ],
                numeric=(3, 4),
            ),
            title="Measured effects",
        ),
        _details(found),
    ]


def _rankings(rows: Sequence[EffectRow]) -> Markup:
    left = max((svg.text_width(row["name"]) for row in rows), default=0) + 16
    bottom = _TOP + _PITCH * len(rows) + 6
    found = [row["spearman"] for row in rows]
    values = [
        x for own in found for x in (own["rho"], own["low"], own["high"], 0.0) if x is not None
    ]
    x = _scale(values, left, max(_WIDTH - 14, left + 250))
    parts = svg.grid(x, _TOP, bottom)
    parts.append(svg.line(x(0), _TOP - 8, x(0), bottom, "control"))
    for index, row in enumerate(rows):
        y = _TOP + _PITCH * (index + 0.5)
        name, kind, own = row["name"], row["kind"], row["spearman"]
        rho, low, high = own["rho"], own["low"], own["high"]
        parts.append(svg.text(left - 10, y + 4, name, text_anchor="end", class_="row-name"))
        if rho is None:
            parts.append(svg.text(x.start + 8, y + 4, "constant", class_="tick"))
            continue
        if low is not None and high is not None:
            parts.append(svg.line(x(low), y, x(high), y, kind))
        tip = f"{name}: {rho:+.3f}"
        parts.append(svg.circle(x(rho), y, 5, f"{kind} dot", tip))
    return svg.drawing(
        x.stop + 14,
        bottom + 46,
        *parts,
        svg.x_axis(x, bottom, "Spearman's rank correlation"),
        description="Rank correlations with the measured effects, models and baselines",
    )


def _mutagenesis(found: Mutagenesis) -> list[Markup]:
    where = f"{found.name}:{found.start:,}-{found.end:,}"
    return [
        figure(
            heat_map(
                found.reference,
                found.llr,
                found.start,
                description=f"Effects of every single-base change of {where}",
            ),
            f"Every single-base change of {where} in a context of {found.window:,} bases: orange "
            f"makes the sequence less likely to the model, blue more likely, nats. {cells(found)}",
            mutagenesis_numbers(found),
            title="Mutagenesis",
        ),
        figure(
            heat_map(
                found.reference,
                found.markov_llr,
                found.start,
                description=f"The same changes under a Markov model of order {found.markov_order}",
            ),
            f"The same changes under an order-{found.markov_order} Markov model of the genome, "
            "counted without this context: what short words alone say. Its colours have a scale of "
            "their own.",
        ),
        _details(found),
    ]


def cells(found: Mutagenesis) -> str:
    """What a drawing of the effects has, in words."""
    more = "" if len(found.reference) <= MOST else f" The first {MOST:,} positions are drawn."
    return f"A dot is the letter that stands there; Numbers has that of each cell.{more}"


def mutagenesis_numbers(found: Mutagenesis) -> Markup:
    """The effects that are drawn, a row a position."""
    head = ("Position", "Letter", "To A", "To C", "To G", "To T", "Mean")
    numbers = []
    for index, (letter, row) in enumerate(zip(found.reference[:MOST], found.llr, strict=False)):
        known = [x for k, x in enumerate(row) if x is not None and "ACGT"[k] != letter]
        mean = difference(sum(known) / len(known) if known else None)
        numbers.append((f"{found.start + index:,}", letter, *map(difference, row), mean))
    return table(head, numbers, numeric=(0, 2, 3, 4, 5, 6))


def _scale(values: Sequence[float], left: float, right: float = _WIDTH - 14) -> svg.Scale:
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.1
    return svg.Scale(low - margin, high + margin, left, right)


def _details(found: Result) -> Markup:
    """What identifies the scores: single values, the digest of the weights cut short."""
    facts = []
    for key, value in vars(found).items():
        if key != "reference" and isinstance(value, str | int):
            shown = f"{value:,}" if isinstance(value, int) else value
            facts.append((key.replace("_", " "), shown[:12] if key == "weights" else shown))
    return element("details", element("summary", "Details"), table(("What", "Value"), facts))
