"""What ``segment --annotation`` adds: genes by record, and the stretch that has most of them."""

from __future__ import annotations

from hnet_seq.analysis.annotation import RecordAnnotation, from_genes
from hnet_seq.analysis.gene_region import REGION_BASES, describe_window, gene_richest_window
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.results.boundaries import Region
from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.segmentation.spans import Span, region_spans
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import parse_region

MOST = 4 * REGION_BASES  # bases that a page draws
_AROUND = 150  # bases on both sides of a gene that is asked for


class GenePicture:
    """The stretch that is asked for, or that with the most genes among the records seen so far."""

    def __init__(self, place: Span | None = None) -> None:
        self._place = place
        self._score = (0, 0)
        self.content: Region | None = None

    def consider(self, record: RecordBoundaries, annotation: RecordAnnotation, stage: int) -> None:
        """Look at one more record."""
        if self._place is None:
            score, start = gene_richest_window(annotation.coding, record.start, record.end)
            if self.content is None or score > self._score:
                self._score = score
                self._draw(record, annotation, stage, start, start + REGION_BASES)
        elif record.name == self._place[0]:
            self._draw(record, annotation, stage, *self._place[1:])

    def _draw(
        self,
        record: RecordBoundaries,
        annotation: RecordAnnotation,
        stage: int,
        start: int,
        end: int,
    ) -> None:
        inside = slice(start - record.start, end - record.start)
        self.content = describe_window(
            record.name,
            start,
            record.tokens[inside],
            record.boundary_prob[inside],
            record.cuts(stage).positions,
            annotation.coding,
        )


def find_picture(
    asked: str, annotations: dict[str, RecordAnnotation], genome: Genome, region: str | None
) -> Span:
    """What ``--picture`` names: a gene, with some bases around it, or a region.

    Args:
        region: what is cut of the genome; None: all.

    Raises:
        UsageError: it is longer than a page draws, or not within what is cut.
        InputError: no CDS and no record has that name.
    """
    cut = {name: (start, end) for name, start, end in region_spans(genome, region)}
    for name in sorted(annotations, key=lambda name: name not in cut):
        coding = annotations[name].coding
        rows = [index for index, own in enumerate(coding.name) if own == asked]
        if rows:
            start, end = int(coding.start[rows].min()), int(coding.end[rows].max())
            around = _AROUND
            break
    else:
        name, start, end = parse_region(asked, genome.lengths, genome.path, "picture")
        around = 0
    first, last = cut.get(name, (0, 0))
    if not first <= start < end <= last:
        raise UsageError("picture", f"{asked} is not within what is cut, --region {region}")
    start, end = max(start - around, first), min(end + around, last)
    if end - start > MOST:
        raise UsageError(
            "picture", f"{asked} has {end - start:,} bases; {MOST:,} are drawn at most"
        )
    return name, start, end


def read_genes(path: str, genome: Genome) -> dict[str, RecordAnnotation]:
    """Genes by record of a GFF3, GTF or GenBank file; what it does not decide is said.

    Raises:
        InputError: as `hnet_seq.tasks.annotations.read_annotation`; a CDS has no phase, or there is
            none with a strand.
    """
    found = read_annotation(path, genome)
    found.check_phases()
    annotations = {record: from_genes(genes) for record, genes in found.genes.records.items()}
    if not any(len(annotation.coding.start) for annotation in annotations.values()):
        raise InputError(path, "no CDS with a strand; the statistics need reading frames")
    found.tell()
    return annotations
