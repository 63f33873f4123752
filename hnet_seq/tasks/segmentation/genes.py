"""What ``segment --annotation`` adds: genes by record, and the stretch that has most of them."""

from __future__ import annotations

from hnet_seq.analysis.annotation import RecordAnnotation, from_genes
from hnet_seq.analysis.gene_region import REGION_BASES, describe_window, gene_richest_window
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.results.boundaries import Region
from hnet_seq.tasks.annotations import read_annotation
from modalities.errors import InputError
from pipelines.formats.genome import Genome


class GenePicture:
    """The stretch with the most genes among the records seen so far."""

    def __init__(self) -> None:
        self._score = (0, 0)
        self.content: Region | None = None

    def consider(self, record: RecordBoundaries, annotation: RecordAnnotation, stage: int) -> None:
        """Look at one more record."""
        coding = annotation.coding
        score, start = gene_richest_window(coding, record.start, record.end)
        if self.content is None or score > self._score:
            inside = slice(start - record.start, start - record.start + REGION_BASES)
            self._score = score
            self.content = describe_window(
                record.name,
                start,
                record.tokens[inside],
                record.boundary_prob[inside],
                record.cuts(stage).positions,
                coding,
            )


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
