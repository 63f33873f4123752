"""The section about motifs: how often each way to cut keeps them in one chunk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.bars import rate_chart
from hnet_seq.report.html import Markup, element, figure, table
from hnet_seq.report.json_files import count_of, fields, optional_number, read_object
from hnet_seq.report.results import Rate
from hnet_seq.report.units import BASE
from hnet_seq.report.wording import rate, ratio

_VALUES = tuple(
    f"{name}{end}" for name in ("chunks", "whole", "ratio") for end in ("", "_low", "_high")
)
_RANDOM = "random cuts"


@dataclass(frozen=True)
class MotifRow:
    """One way to cut one motif: value, and 95% interval, of chunks, share in one, and ratio."""

    cutter: str
    values: dict[str, float | None]


@dataclass(frozen=True)
class Motif:
    """One motif; ``length`` in bases, None where it does not occur."""

    name: str
    occurrences: int
    length: float | None
    rows: list[MotifRow]


@dataclass(frozen=True)
class Motifs:
    """The whole file; ``lengths`` has the bases per chunk of the model and of byte pairs."""

    stage: int
    genome: str
    region: str
    file: str
    seed: int
    held_out: bool
    lengths: dict[str, float | None]
    motifs: list[Motif]


def read_motifs(path: Path) -> Motifs:
    """Raises InputError when the file is not what ``hnet-seq boundaries motifs`` writes."""
    top = "top level"
    content = read_object(path)
    fields(content, path, top, "genome", "region", "file", kind=str)
    fields(content, path, top, "cutters", "motifs", kind=list)
    learned = fields(content, path, top, "byte_pairs")["byte_pairs"]
    if learned is not None:
        fields(learned, path, "byte_pairs", "held_out")
    lengths = {}
    for index, row in enumerate(content["cutters"]):
        where = f"cutters[{index}]"
        name = fields(row, path, where, "cutter", kind=str)["cutter"]
        lengths[name] = optional_number(row, "bases_per_chunk", path, where)
    return Motifs(
        count_of(content, "stage", path, top),
        content["genome"],
        content["region"],
        content["file"],
        count_of(content, "seed", path, top),
        bool(learned and learned["held_out"]),
        lengths,
        [_motif(row, path, f"motifs[{index}]") for index, row in enumerate(content["motifs"])],
    )


def _motif(content: Any, path: Path, where: str) -> Motif:
    fields(content, path, where, "motif", kind=str)
    fields(content, path, where, "rows", kind=list)
    rows = []
    for index, row in enumerate(content["rows"]):
        place = f"{where}, rows[{index}]"
        name = fields(row, path, place, "cutter", kind=str)["cutter"]
        rows.append(
            MotifRow(name, {key: optional_number(row, key, path, place) for key in _VALUES})
        )
    return Motif(
        content["motif"],
        count_of(content, "occurrences", path, where),
        optional_number(content, "length", path, where),
        rows,
    )


def motifs_section(data: Motifs) -> Markup:
    """One figure for each motif that occurs."""
    lengths = ", ".join(f"{name} {ratio(length)}" for name, length in data.lengths.items())
    learned = ""
    if "byte pairs" in data.lengths:
        where = "the rest of the genome" if data.held_out else "the same bases, which favours them"
        learned = f" Byte pairs were learned from {where}."
    return element(
        "section",
        element("h2", "Motifs in one piece", id="motifs"),
        element(
            "p",
            f"Occurrences of the motifs of {data.file} on both strands of {data.genome} "
            f"({data.region}), and how they are cut by stage {data.stage} of the model and by "
            f"tokenisers. Bases a chunk: {lengths}.{learned} K-mers are averaged over their "
            "phases; random cuts are as frequent as the model's.",
        ),
        *(_figure(data, motif) for motif in data.motifs if motif.rows),
        aria_labelledby="motifs",
    )


def _figure(data: Motifs, motif: Motif) -> Markup:
    chance = next((row.values["whole"] for row in motif.rows if row.cutter == _RANDOM), None)
    shown = [
        Rate(
            row.cutter,
            row.values["whole"],
            row.values["whole_low"],
            row.values["whole_high"],
            chance,
            None,
            motif.occurrences,
        )
        for row in motif.rows
        if row.cutter != _RANDOM
    ]
    head = ("", "Chunks", "95% interval", "In one", "95% interval", "Ratio", "95% interval")
    numbers = table(
        head,
        [
            (
                row.cutter,
                rate(row.values["chunks"]),
                _interval(row, "chunks"),
                rate(row.values["whole"]),
                _interval(row, "whole"),
                ratio(row.values["ratio"]),
                _interval(row, "ratio"),
            )
            for row in motif.rows
        ],
        caption="Ratio: cuts inside the motif over those expected at the cutter's own rate; "
        f"seed {data.seed}",
        numeric=range(1, len(head)),
    )
    return figure(
        rate_chart(
            shown,
            BASE,
            measure="share of occurrences in one chunk",
            description=f"Occurrences of {motif.name} that lie in one chunk, by way of cutting",
        ),
        f"Share of {motif.occurrences:,} occurrences ({motif.length or 0:.1f} bases) that lie in "
        "one chunk, with 95% intervals over blocks of 10 kb. Grey is random cuts. Longer chunks "
        "keep more: compare ways to cut whose chunks are equally long.",
        numbers,
        title=motif.name,
    )


def _interval(row: MotifRow, key: str) -> str:
    low, high = row.values[f"{key}_low"], row.values[f"{key}_high"]
    return "\u2013" if low is None or high is None else f"{low:.3f} to {high:.3f}"
