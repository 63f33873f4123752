"""Sections about what a model of DNA learned: boundaries along a genome, and classification."""

from __future__ import annotations

from collections.abc import Iterable

from hnet_seq.report.bars import Rate, begins_at_zero, rate_chart
from hnet_seq.report.classification_section import classification_section as scores_section
from hnet_seq.report.gene_track import gene_track, has_letters
from hnet_seq.report.html import Markup, Section, element, figure, join, table
from hnet_seq.report.run_data import RunData
from hnet_seq.report.target_scores import target_section
from hnet_seq.report.units import BASE
from hnet_seq.report.wording import command, interval, missing, rate
from hnet_seq.results.boundaries import BaseRate, Boundaries
from hnet_seq.results.classification import Classification, Targets

_HOW_TO_READ = (
    "In each figure the dot is the model's rate with its 95% interval. Grey is the control: the "
    "rate if as many boundaries were placed at random. A rate is notable where its interval "
    "leaves the control out."
)
_CONTEXT = (
    " The diamond is a stricter control: the rate that the last three bases alone would lead one "
    "to expect, so what is beyond it comes from longer patterns."
)


def _segment_command(run: RunData) -> str:
    out = command(str(run.path))
    return f"hnet-seq segment {out} GENOME.fna.gz --annotation GENES.gff.gz --out {out}"


def region_section(run: RunData) -> Section | None:
    """Genes and boundaries along a stretch of the genome."""
    anchor, title = "region", "A stretch of the genome"
    region = run.region
    if region is None and (run.isotropic or run.unit is not BASE):
        return None
    if region is None:
        note = missing("region.json is missing: no gene region.", _segment_command(run))
        return Section(anchor, title, note)
    cuts = sum(region.start <= b < region.end for b in region.boundaries)
    bases, letters = region.end - region.start, has_letters(region)
    where = f"{region.sequence}, {region.start + 1:,} to {region.end:,}"
    return Section(
        anchor,
        title,
        figure(
            gene_track(region, description=f"Genes and boundary probability, {where}"),
            f"{where}, read row by row: arrows are coding sequences of the annotation (which may "
            "be predictions) in the direction of transcription, and each bar is the probability "
            f"that a chunk begins at that base, stronger for the {cuts:,} that do "
            f"(1 in {bases / max(1, cuts):.1f})"
            + (". Letters are those of the forward strand, bold where a chunk begins." * letters)
            + "." * (not letters),
            table(
                ("Coding sequence", "First base", "Last base", "Strand"),
                [
                    (g.name, f"{g.start + 1:,}", f"{g.end:,}", "+" if g.strand == "+" else "\u2212")
                    for g in region.genes
                ],
                numeric=(1, 2),
            ),
        ),
    )


def boundaries_section(run: RunData) -> Section | None:
    """Boundary rates by what a base is, each beside its controls."""
    anchor, title = "boundaries", "Where chunks begin"
    found = run.boundaries
    if found is None and (run.isotropic or run.unit is not BASE):
        return None
    if found is None:
        note = missing("boundaries.json is missing: no boundary rates.", _segment_command(run))
        return Section(anchor, title, note)
    controlled = any(row.context_control is not None for row in found.codon_position)
    overall = found.boundaries / max(1, found.bases)
    intro = (
        f"{found.boundaries:,} boundaries on {found.bases:,} bases ({found.region}): "
        f"{rate(overall)} per base. Genes are those of the annotation given, "
        "which may be predicted."
    )
    return Section(
        anchor,
        title,
        element("p", intro),
        element("p", _HOW_TO_READ + (_CONTEXT if controlled else "")),
        _rates(
            "Position in the codon",
            "Rates at the three positions of codons on each strand, counted in the direction of "
            "translation: positions differ in base composition, which alone makes rates differ"
            + (", so only what lies beyond the diamonds hints at the reading frame" * controlled),
            found.codon_position,
        ),
        _rates(
            "Coding or not",
            "Rates at coding bases, at other bases of genes (such as introns), and between genes",
            found.regions,
        ),
        _rates(
            "Runs of one letter",
            "Rates at bases that lie in a run of one letter, such as TTTT, by length of the run: a "
            "rate near 1 means that every base of such a run is a chunk of its own",
            found.homopolymer,
        ),
        _rates(
            "First and later bases of a run",
            "Rates at the first and at the later bases of a run: a run that is cut once, where it "
            "begins, has a high rate at the first only",
            found.homopolymer_place or [],
        ),
        _rates(
            "Start and stop codons",
            "Rates at the three bases of start and stop codons, in the order of translation",
            found.features,
        ),
    )


def labelled(found: Boundaries) -> Iterable[Rate]:
    """The rows of all tables."""
    tables = (found.codon_position, found.regions, found.homopolymer, found.homopolymer_place or [])
    return (_rate(row) for rows in (*tables, found.features) for row in rows)


_PLACES = {"first": "first base", "continuation": "later bases"}


def _rate(row: BaseRate) -> Rate:
    label = f"{row.name}"
    if row.length is not None:
        place = f", {_PLACES.get(row.place, row.place)}" if row.place else ""
        label = f"run of {row.name or row.length}{place}"
    elif row.name is None:
        label = f"{row.strand} strand, position {row.position}"
    label = label.replace("- strand", "\u2212 strand")
    return Rate(label, row.rate, row.low, row.high, row.control, row.context_control, row.bases)


def _rates(title: str, caption: str, table_rows: list[BaseRate]) -> Markup:
    rows = [_rate(row) for row in table_rows]
    if not rows:
        return join([])
    context = any(row.context_control is not None for row in rows)
    head = ["", "Rate", "95% interval", "At random", "Bases"]
    if context:
        head.insert(4, "From last 3 bases")
    numbers = []
    for row in rows:
        cells = [row.label, rate(row.rate), interval(row.low, row.high, BASE), rate(row.control)]
        if context:
            cells.append(rate(row.context_control))
        numbers.append([*cells, f"{row.tokens:,}"])
    return figure(
        rate_chart(
            rows,
            BASE,
            measure="boundaries per base",
            description=f"{title}: boundaries per base with 95% intervals",
        ),
        f"{caption}{'' if begins_at_zero(rows) else ' (the axis does not begin at 0)'}.",
        table(head, numbers, numeric=range(1, len(head))),
        title=title,
    )


def classification_section(run: RunData) -> Section | None:
    """Scores of classifiers beside trivial ones, or how to get them."""
    found = run.classification
    if isinstance(found, Targets):
        return target_section(found)
    if found is None and (run.unit is not BASE or run.tokenised):
        return None
    if found is None:
        out = command(str(run.path))
        note = missing(
            "classification.json is missing: no classification table.",
            f"hnet-seq classify train {out} --genome GENOME.fna.gz --annotation GENES.gff.gz "
            f"--test-region last:0.1 --out {out}",
        )
        return Section("classification", "Classification", note)
    assert isinstance(found, Classification)
    return scores_section(found)
