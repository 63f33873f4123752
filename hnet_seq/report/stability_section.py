"""The section about edits: which boundaries stay where they are when one base changes."""

from __future__ import annotations

from hnet_seq.report.bars import Rate, rate_chart
from hnet_seq.report.html import Markup, Section, element, figure, table
from hnet_seq.report.units import BASE
from hnet_seq.report.wording import interval, rate
from hnet_seq.results.analyses import Distance, Stability


def stability_section(data: Stability) -> Section:
    """One figure for each edit, with its numbers."""
    return Section(
        "stability",
        "How firm boundaries are",
        element(
            "p",
            f"{data.places:,} random bases of {data.genome} ({data.region}) were edited, each in "
            "three ways, and the boundaries of the original looked for at the same bases of the "
            "edited sequence. Left of an edit nothing can change: the model reads left to right.",
        ),
        *(_figure(data, each.edit, each.rows) for each in data.edits),
    )


def _figure(data: Stability, edit: str, rows: list[Distance]) -> Markup:
    right = [row for row in rows if row.side == "right"]
    shown = [
        Rate(_bases(row), row.share, row.low, row.high, data.rate, None, row.boundaries)
        for row in right
    ]
    head = ("Distance", "Side", "Boundaries", "Stay", "Share", "95% interval", "New")
    numbers = table(
        head,
        [
            (
                _bases(row),
                row.side,
                f"{row.boundaries:,}",
                f"{row.kept:,}",
                rate(row.share),
                interval(row.low, row.high, BASE),
                rate(row.new),
            )
            for row in rows
        ],
        caption=f"Stage {data.stage}, seed {data.seed}; new: share of boundaries after the edit",
        numeric=range(2, len(head)),
    )
    return figure(
        rate_chart(
            shown,
            BASE,
            measure="share of boundaries that stay",
            description=f"Boundaries that stay after a {edit}, by distance to its right",
        ),
        f"Share of boundaries that stay after one {edit}, by distance (bases) to its right, with "
        "95% intervals over places. Grey is what boundaries placed anew at random would give. "
        "Fixed k-mers keep all after a substitution, and none after an insertion or deletion. "
        "The last row is all distances.",
        numbers,
        title=edit.capitalize(),
    )


def _bases(row: Distance) -> str:
    return f"{row.from_}" if row.from_ == row.to else f"{row.from_} to {row.to}"
