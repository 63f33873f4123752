"""What ``segment --annotation`` adds: genes by record, and the stretch that has most of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hnet_seq.analysis.annotation import RecordAnnotation, from_features
from hnet_seq.analysis.gene_region import REGION_BASES, describe_window, gene_richest_window
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from modalities.errors import InputError
from pipelines.annotation import read_gff
from pipelines.genome import Genome


class GenePicture:
    """The stretch with the most genes among the records seen so far."""

    def __init__(self) -> None:
        self._score = (0, 0)
        self.content: dict[str, Any] | None = None

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
    """Genes by record of a GFF3 file.

    Raises:
        InputError: as `pipelines.annotation.read_gff`, or there is no CDS with a strand.
    """
    by_record = defaultdict(list)
    for feature in read_gff(path, lengths=genome.lengths):
        by_record[feature.sequence].append(feature)
    annotations = {name: from_features(features) for name, features in by_record.items()}
    if not any(len(annotation.coding.start) for annotation in annotations.values()):
        raise InputError(path, "no CDS with a strand; the statistics need reading frames")
    return annotations
