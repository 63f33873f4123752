"""The section about edits: which boundaries stay where they are when one base changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.bars import rate_chart
from hnet_seq.report.html import Markup, element, figure, table
from hnet_seq.report.json_files import count_of, fields, number_of, optional_number, read_object
from hnet_seq.report.results import Rate
from hnet_seq.report.units import BASE
from hnet_seq.report.wording import interval, rate
from modalities.errors import InputError

_SIDES = ("left", "right")


@dataclass(frozen=True)
class Distance:
    """Boundaries at some distances (bases, inclusive) on one side of an edit."""

    side: str
    first: int
    last: int
    boundaries: int
    kept: int
    share: float | None
    low: float | None
    high: float | None
    new: float | None


@dataclass(frozen=True)
class Stability:
    """The whole file; ``edits`` has the rows of each edit."""

    stage: int
    genome: str
    region: str
    places: int
    reach: int
    context: int
    seed: int
    rate: float
    edits: dict[str, list[Distance]]


def read_stability(path: Path) -> Stability:
    """Raises InputError when the file is not what ``hnet-seq boundaries stability`` writes."""
    top = "top level"
    content = read_object(path)
    fields(content, path, top, "genome", "region", kind=str)
    fields(content, path, top, "edits", kind=list)
    edits = {}
    for index, entry in enumerate(content["edits"]):
        where = f"edits[{index}]"
        fields(entry, path, where, "edit", kind=str)
        fields(entry, path, where, "rows", kind=list)
        edits[entry["edit"]] = [
            _distance(row, path, f"{where}, rows[{i}]") for i, row in enumerate(entry["rows"])
        ]
    stage, places, reach, context, seed = (
        count_of(content, key, path, top) for key in ("stage", "places", "reach", "context", "seed")
    )
    return Stability(
        stage,
        content["genome"],
        content["region"],
        places,
        reach,
        context,
        seed,
        number_of(content, "rate", path, top),
        edits,
    )


def _distance(row: Any, path: Path, where: str) -> Distance:
    side = fields(row, path, where, "side", kind=str)["side"]
    if side not in _SIDES:
        raise InputError(path, f"the side is {side!r}, expected left or right", where=where)
    first, last, boundaries, kept = (
        count_of(row, key, path, where) for key in ("from", "to", "boundaries", "kept")
    )
    shares = (optional_number(row, key, path, where) for key in ("share", "low", "high", "new"))
    return Distance(side, first, last, boundaries, kept, *shares)


def stability_section(data: Stability) -> Markup:
    """One figure for each edit, with its numbers."""
    return element(
        "section",
        element("h2", "How firm boundaries are", id="stability"),
        element(
            "p",
            f"{data.places:,} random bases of {data.genome} ({data.region}) were edited, each in "
            "three ways, and the boundaries of the original looked for at the same bases of the "
            "edited sequence. Left of an edit nothing can change: the model reads left to right.",
        ),
        *(_figure(data, edit, rows) for edit, rows in data.edits.items()),
        aria_labelledby="stability",
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
    return f"{row.first}" if row.first == row.last else f"{row.first} to {row.last}"
