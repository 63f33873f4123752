"""What ``segment`` left in the folder of a run on DNA: boundary rates, a gene region.

Each reader checks what it hands on, so that the drawing code need not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.json_files import count_of, fields, number_of, optional_number, read_object
from modalities.errors import InputError


@dataclass(frozen=True)
class Rate:
    """How often a chunk begins at the tokens of one kind; None where too few of them can tell.

    Of bases ``rate`` is boundaries per base; of bytes (``text_boundaries.json``) how many times as
    many boundaries there are as at random. ``control`` is what random boundaries would give.
    """

    label: str
    rate: float | None
    low: float | None
    high: float | None
    control: float | None
    context_control: float | None
    tokens: int


@dataclass(frozen=True)
class Boundaries:
    """``boundaries.json``."""

    codon_position: list[Rate]
    regions: list[Rate]
    homopolymer: list[Rate]
    homopolymer_place: list[Rate]
    features: list[Rate]
    bases: int
    boundaries: int
    region: str


def read_boundaries(path: Path) -> Boundaries:
    """Raises InputError when the file is not what ``hnet-seq segment --out`` writes."""
    content = read_object(path)
    top = "top level"
    return Boundaries(
        codon_position=_rates(content, "codon_position", path, "strand", "position"),
        regions=_rates(content, "regions", path, "name"),
        homopolymer=_rates(content, "homopolymer", path, "length"),
        homopolymer_place=_rates(content, "homopolymer_place", path, "length", "place")
        if "homopolymer_place" in content
        else [],
        features=_rates(content, "features", path, "name"),
        bases=count_of(content, "bases", path, top),
        boundaries=count_of(content, "boundaries", path, top),
        region=f"{fields(content, path, top, 'region')['region']}",
    )


def _rates(content: dict[str, Any], section: str, path: Path, *keys: str) -> list[Rate]:
    rows = fields(content, path, "top level", section, kind=list)[section]
    rates = []
    for index, row in enumerate(rows):
        where = f"{section}[{index}]"
        fields(row, path, where, *keys)
        rates.append(_rate(_LABELS[section](row), row, path, where))
    return rates


def _run_label(row: dict[str, Any]) -> str:
    return f"run of {row.get('name', row['length'])}"


_PLACES = {"first": "first base", "continuation": "later bases"}
_LABELS: dict[str, Callable[[dict[str, Any]], str]] = {
    "codon_position": lambda row: f"{row['strand']} strand, position {row['position']}",
    "regions": lambda row: f"{row['name']}",
    "homopolymer": _run_label,
    "homopolymer_place": lambda row: (
        f"{_run_label(row)}, {_PLACES.get(row['place'], row['place'])}"
    ),
    "features": lambda row: f"{row['name']}",
}


def _rate(label: str, row: dict[str, Any], path: Path, where: str) -> Rate:
    rate, low, high, control = (
        optional_number(row, key, path, where) for key in ("rate", "low", "high", "control")
    )
    context = (
        optional_number(row, "context_control", path, where) if "context_control" in row else None
    )
    label = label.replace("- strand", "\u2212 strand")
    return Rate(label, rate, low, high, control, context, count_of(row, "bases", path, where))


@dataclass(frozen=True)
class Gene:
    """One coding sequence; 0-based and half-open."""

    start: int
    end: int
    forward: bool
    name: str


@dataclass(frozen=True)
class Region:
    """``region.json``: ``boundary_prob`` has one value a base of ``[start, end)``."""

    sequence: str
    start: int
    end: int
    boundary_prob: list[float]
    boundaries: frozenset[int]
    genes: list[Gene]


def read_region(path: Path) -> Region:
    """Raises InputError when the file is not what ``hnet-seq segment --out`` writes."""
    content = read_object(path)
    fields(content, path, "top level", "boundary_prob", "boundaries", "genes", kind=list)
    start, end = (count_of(content, key, path, "top level") for key in ("start", "end"))
    probs = [
        number_of({"p": p}, "p", path, f"boundary_prob[{i}]")
        for i, p in enumerate(content["boundary_prob"])
    ]
    if end <= start or len(probs) != end - start:
        raise InputError(
            path, f"{len(probs)} boundary probabilities for bases {start}-{end}; make it again"
        )
    boundaries = frozenset(
        count_of({"b": b}, "b", path, f"boundaries[{i}]")
        for i, b in enumerate(content["boundaries"])
    )
    genes = []
    for index, gene in enumerate(content["genes"]):
        where = f"genes[{index}]"
        fields(gene, path, where, "strand", "name")
        left, right = (count_of(gene, key, path, where) for key in ("start", "end"))
        genes.append(Gene(left, right, gene["strand"] == "+", f"{gene['name']}"))
    name = fields(content, path, "top level", "sequence")["sequence"]
    return Region(f"{name}", start, end, probs, boundaries, genes)
