"""``boundaries enrich``: do chunks begin at genes, splice sites, repeats more than elsewhere?"""

from __future__ import annotations

import argparse

from hnet_seq.analysis.enrichment import enrichment
from hnet_seq.analysis.statistics import BLOCK
from hnet_seq.results.analyses import Control, Enrichment
from hnet_seq.tasks.boundary_analysis.common import (
    cut_genome,
    facts,
    open_model,
    shown,
    shown_interval,
)
from hnet_seq.tasks.boundary_analysis.site_files import SitesOfGenome
from hnet_seq.tasks.run_identity import result_name
from pipelines.storage.files import check_folder

RESULTS = "enrichment.json"


def main(args: argparse.Namespace) -> int:
    """Run the action."""
    out = check_folder(args.out)
    read: SitesOfGenome = args.read_sites  # before torch was imported
    model = open_model(args)
    records = cut_genome(model, read.genome, read.spans, args, shuffles=args.shuffles)
    found = Enrichment(
        **facts(args, model, records),
        features=read.files,
        width=args.width,
        near=args.near,
        block=BLOCK,
        shifts=args.shifts,
        shuffles=args.shuffles,
        **enrichment(
            records,
            read.sites,
            width=args.width,
            near=args.near,
            shifts=args.shifts,
            seed=args.seed,
        ),
    )
    found.write(out / result_name(RESULTS, model))
    print(describe(found))
    return 0


def describe(found: Enrichment) -> str:
    """The table of ratios."""
    kinds = [kind for kind in found.kinds if kind.sites]
    wide = max(24, *(len(kind.kind) for kind in kinds)) + 2
    lines = [
        f"{found.boundaries:,} boundaries on {found.bases:,} bases, {found.rate:.4f} a "
        f"base; at a site is within {found.near} bases; ratios with 95% intervals",
        f"{'':{wide}s}{'sites':>8s}{'rate':>8s}{'to shifted':>26s}{'p':>7s}{'to random':>10s}"
        f"{'to context':>26s}{'to shuffled':>26s}",
    ]
    for kind in kinds:
        controls = kind.controls
        lines.append(
            f"{kind.kind:{wide}s}{kind.sites:8,}{shown(kind.observed.rate)}"
            f"{_ratio(controls.shifted)}{shown(controls.shifted.p, width=7)}"
            f"{shown(controls.random.ratio, 2, 10)}{_ratio(controls.context)}"
            f"{_ratio(controls.shuffled)}"
        )
    return "\n".join(lines)


def _ratio(control: Control | None) -> str:
    if control is None:
        return f"{'-':>26s}"
    interval = shown_interval(control).strip() or "too few"
    return f"{shown(control.ratio, 2)}  ({interval})".rjust(26)
