"""The section about boundaries at annotated sites: profiles beside their controls, and ratios."""

from __future__ import annotations

from hnet_seq.report.html import Markup, Section, element, figure, table
from hnet_seq.report.profile_panels import FEW, profile_panels
from hnet_seq.report.wording import limits, rate, ratio
from hnet_seq.results.analyses import Control, Enrichment, SiteKind

_CONTROLS = ("shifted", "random", "context", "shuffled")


def enrichment_section(data: Enrichment) -> Section:
    """Small multiples of the profiles, and the ratios in a table."""
    kinds = [kind for kind in data.kinds if kind.sites]
    shuffled = " The dotted line is the model on shuffled sequence." if data.shuffles else ""
    few = (
        f" Of fewer than {FEW} sites each rate is a dot, which may be a single boundary, beside "
        "the shifted sites alone and on a scale of its own."
        if any(kind.sites < FEW for kind in kinds)
        else ""
    )
    return Section(
        "enrichment",
        "Boundaries at annotated sites",
        element(
            "p",
            f"{data.boundaries:,} boundaries of stage {data.stage} on {data.bases:,} bases "
            f"({data.genome}, {data.region}), held against the sites of "
            f"{', '.join(data.features)}. Annotations may be predictions.",
        ),
        figure(
            profile_panels(
                kinds,
                description="Boundary rate by distance from sites, one panel for each kind",
            ),
            "Boundaries per base by distance from the site (bases, upstream to the left on either "
            "strand; at 0 a chunk begins exactly at the site). Grey is the control: the range in "
            f"which 95% of {data.shifts} sets of shifted sites lie. The dashed line is what the "
            f"last three letters alone predict.{shuffled}{few} What leaves both is more than "
            "composition.",
            _ratios(data, kinds),
            title="Profiles",
        ),
        _summary(data, kinds),
    )


def _summary(data: Enrichment, kinds: list[SiteKind]) -> Markup:
    head = ("Site", "Number", "Rate", "To shifted", "95% interval", "p", "To context")
    rows = [
        (
            kind.kind,
            f"{kind.sites:,}",
            rate(kind.observed.rate),
            ratio(kind.controls.shifted.ratio),
            _interval(kind.controls.shifted),
            rate(kind.controls.shifted.p),
            ratio(kind.controls.context.ratio),
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
            rate(kind.observed.rate),
            rate(control.expected),
            ratio(control.ratio),
            _interval(control),
        )
        for kind in kinds
        for name in _CONTROLS
        if (control := getattr(kind.controls, name)) is not None
    ]
    return table(head, rows, caption=f"Seed {data.seed}", numeric=range(2, len(head)))


def _interval(control: Control) -> str:
    return limits((control.low, control.high), "too few blocks or boundaries", ratio)
