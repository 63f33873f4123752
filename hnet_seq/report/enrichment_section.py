"""The section about boundaries at annotated sites: profiles beside their controls, and ratios."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.html import Markup, element, figure, table
from hnet_seq.report.json_files import count_of, fields, number_of, optional_number, read_object
from hnet_seq.report.profile_panels import Panel, profile_panels
from hnet_seq.report.wording import rate, ratio
from modalities.errors import InputError

_COLUMNS = ("rate", "low", "high", "shifted", "shifted_low", "shifted_high", "context")
_CONTROLS = ("shifted", "random", "context", "shuffled")


@dataclass(frozen=True)
class Control:
    """What is expected at the sites, and observed / expected with its 95% interval."""

    expected: float | None
    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SiteKind:
    """Sites of one kind.

    Attributes:
        rate, low, high: boundaries per base at the sites, and its 95% interval.
        controls: by name; of ``shuffled`` None where no sequence was shuffled.
        p: of the shifted sites, two-sided.
        profile: boundary rates by distance.
    """

    kind: str
    sites: int
    rate: float | None
    low: float | None
    high: float | None
    controls: dict[str, Control | None]
    p: float | None
    profile: Panel


@dataclass(frozen=True)
class Enrichment:
    """The whole file."""

    stage: int
    genome: str
    region: str
    features: list[str]
    near: int
    shifts: int
    shuffles: int
    seed: int
    bases: int
    boundaries: int
    kinds: list[SiteKind]


def read_enrichment(path: Path) -> Enrichment:
    """Raises InputError when the file is not what ``hnet-seq boundaries enrich`` writes."""
    top = "top level"
    content = read_object(path)
    fields(content, path, top, "genome", "region", kind=str)
    fields(content, path, top, "features", "kinds", kind=list)
    stage, near, shifts, shuffles, seed, bases, boundaries = (
        count_of(content, key, path, top)
        for key in ("stage", "near", "shifts", "shuffles", "seed", "bases", "boundaries")
    )
    return Enrichment(
        stage,
        content["genome"],
        content["region"],
        [f"{name}" for name in content["features"]],
        near,
        shifts,
        shuffles,
        seed,
        bases,
        boundaries,
        [_kind(row, path, f"kinds[{index}]") for index, row in enumerate(content["kinds"])],
    )


def _kind(row: Any, path: Path, where: str) -> SiteKind:
    fields(row, path, where, "kind", kind=str)
    fields(row, path, where, "observed", "controls", "profile", kind=dict)
    at_site, low, high = (
        optional_number(row["observed"], key, path, f"{where}, observed")
        for key in ("rate", "low", "high")
    )
    found: dict[str, Control | None] = {}
    for name in _CONTROLS:
        control = fields(row["controls"], path, f"{where}, controls", name)[name]
        found[name] = None
        if control is not None:
            place = f"{where}, controls, {name}"
            keys = ("expected", "ratio", "low", "high")
            found[name] = Control(*(optional_number(control, k, path, place) for k in keys))
    shifted = row["controls"]["shifted"]
    return SiteKind(
        row["kind"],
        count_of(row, "sites", path, where),
        at_site,
        low,
        high,
        found,
        optional_number(shifted, "p", path, f"{where}, controls, shifted"),
        _profile(row["kind"], row["profile"], path, f"{where}, profile"),
    )


def _profile(name: str, columns: Any, path: Path, where: str) -> Panel:
    keys = [*_COLUMNS, *(["shuffled"] if "shuffled" in columns else [])]
    fields(columns, path, where, "distance", *keys, kind=list)
    read: dict[str, list[float | None]] = {}
    for key in ("distance", *keys):
        if len(columns[key]) != len(columns["distance"]):
            raise InputError(path, f"{key!r} is not as long as 'distance'", where=where)
        read[key] = [
            optional_number({key: value}, key, path, f"{where}, {key}[{index}]")
            for index, value in enumerate(columns[key])
        ]
    distance = [
        number_of({"distance": value}, "distance", path, where) for value in read["distance"]
    ]
    return Panel(
        name,
        distance,
        read["rate"],
        read["shifted_low"],
        read["shifted_high"],
        read["context"],
        read.get("shuffled"),
    )


def enrichment_section(data: Enrichment) -> Markup:
    """Small multiples of the profiles, and the ratios in a table."""
    kinds = [kind for kind in data.kinds if kind.sites]
    shuffled = " The dotted line is the model on shuffled sequence." if data.shuffles else ""
    return element(
        "section",
        element("h2", "Boundaries at annotated sites", id="enrichment"),
        element(
            "p",
            f"{data.boundaries:,} boundaries of stage {data.stage} on {data.bases:,} bases "
            f"({data.genome}, {data.region}), held against the sites of "
            f"{', '.join(data.features)}. Annotations may be predictions.",
        ),
        figure(
            profile_panels(
                [kind.profile for kind in kinds],
                description="Boundary rate by distance from sites, one panel for each kind",
            ),
            "Boundaries per base by distance from the site (bases, upstream to the left on either "
            "strand; at 0 a chunk begins exactly at the site). Grey is the control: the range in "
            f"which 95% of {data.shifts} sets of shifted sites lie. The dashed line is what the "
            f"last three letters alone predict.{shuffled} What leaves both is more than "
            "composition.",
            _ratios(data, kinds),
            title="Profiles",
        ),
        _summary(data, kinds),
        aria_labelledby="enrichment",
    )


def _summary(data: Enrichment, kinds: list[SiteKind]) -> Markup:
    head = ("Site", "Number", "Rate", "To shifted", "95% interval", "p", "To context")
    rows = [
        (
            kind.kind,
            f"{kind.sites:,}",
            rate(kind.rate),
            _ratio(kind.controls["shifted"]),
            _interval(kind.controls["shifted"]),
            rate(kind.p),
            _ratio(kind.controls["context"]),
        )
        for kind in kinds
    ]
    caption = (
        f"Boundaries within {data.near} bases of a site, over what a control expects; 1 is chance"
    )
    return table(head, rows, caption=caption, numeric=range(1, len(head)))


def _ratios(data: Enrichment, kinds: list[SiteKind]) -> Markup:
    head = ("Site", "Control", "Observed", "Expected", "Ratio", "95% interval")
    rows = [
        (
            kind.kind,
            name,
            rate(kind.rate),
            rate(control.expected),
            ratio(control.ratio),
            _interval(control),
        )
        for kind in kinds
        for name, control in kind.controls.items()
        if control is not None
    ]
    return table(head, rows, caption=f"Seed {data.seed}", numeric=range(2, len(head)))


def _ratio(control: Control | None) -> str:
    return ratio(None if control is None else control.ratio)


def _interval(control: Control | None) -> str:
    if control is None or control.low is None or control.high is None:
        return "too few blocks or boundaries"
    return f"{ratio(control.low)} to {ratio(control.high)}"
