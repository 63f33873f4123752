"""The stretch that a report draws on request: of ``region.json``, or cut by the run's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hnet_seq.report.part_of_region import gene_in, part_of
from hnet_seq.report.run_data import RunData
from hnet_seq.results.boundaries import Region
from modalities.errors import UsageError
from pipelines.formats.regions import parse_region

if TYPE_CHECKING:
    from hnet_seq.tasks.annotations import Annotation
    from pipelines.formats.genome import Genome


def place_of(
    run: RunData,
    *,
    gene: str | None,
    region: str | None,
    genome: str | None,
    annotation: str | None,
) -> Region:
    """What is drawn where a gene, or a region, is asked for.

    Args:
        gene: the name of a coding sequence.
        region: ``NAME:START-END``, 1-based and inclusive.
        genome, annotation: files, to cut what ``region.json`` does not hold.

    Raises:
        UsageError: it is not there, and no genome is given; or too long for a page.
        InputError: the genome or its annotation has no such place, or cannot be read.
    """
    if genome is not None:
        return _cut(run, gene, region, genome, annotation)
    if run.region is not None:
        found = gene_in(run.region, gene) if gene else _span(run.region, f"{region}")
        if found is not None:
            return found
        own = run.region
        names = ", ".join(dict.fromkeys(row.name for row in own.genes))
        said = f"is not whole in what region.json holds, {own.sequence}:{own.start + 1}-{own.end}"
        said += f" ({names})" if gene and names else ""
    else:
        said = "is not there without a region.json"
    wanted = "`genome` and `annotation`" if gene else "`genome`"
    raise UsageError(
        "gene" if gene else "region",
        f"{gene or region} {said}; give {wanted}, and the model of the run cuts it",
    )


def _span(own: Region, asked: str) -> Region | None:
    name, _, _ = asked.rpartition(":")
    if own.sequence not in (name, asked):
        return None
    # Of the record no more is known than where the stretch ends.
    _, start, end = parse_region(asked, {own.sequence: 1 << 62}, "region.json", "region")
    return own if asked == own.sequence else part_of(own, start, end)


def _cut(
    run: RunData, gene: str | None, region: str | None, genome_path: str, path: str | None
) -> Region:
    # What computes is imported for what has to be computed.
    from hnet_seq.analysis.annotation import from_features, from_genes
    from hnet_seq.analysis.gene_region import describe_window
    from hnet_seq.model.auto import load_pretrained
    from hnet_seq.tasks.segmentation.genes import read_genes
    from hnet_seq.tasks.segmentation.records import check_model, segment
    from pipelines.formats.genome import Genome

    genome = Genome(genome_path, use_index=True)
    annotation = read_genes(path, genome) if path else None
    name, start, end = _place(gene, region, genome, annotation)
    genes = annotation.genes.records.get(name) if annotation else None
    model = load_pretrained(run.path)
    check_model(model, run.path)
    (record,) = segment(model, genome, region=f"{name}:{start + 1}-{end}")
    stage = run.boundaries.stage if run.boundaries and run.boundaries.stage else 0
    return describe_window(
        name,
        start,
        record.tokens,
        record.boundary_prob,
        record.cuts(stage).positions,
        (from_genes(genes) if genes else from_features([])).coding,
    )


def _place(
    gene: str | None, region: str | None, genome: Genome, annotation: Annotation | None
) -> tuple[str, int, int]:
    from hnet_seq.tasks.segmentation.genes import check_drawn, find_picture

    if gene:
        assert annotation is not None
        return find_picture(gene, annotation, genome, None, parameter="gene")
    found = parse_region(f"{region}", genome.lengths, genome.path, "region")
    return check_drawn(f"{region}", found, "region")
