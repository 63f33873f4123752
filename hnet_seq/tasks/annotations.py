"""An annotation file beside its genome, resolved to genes: one way in for every verb."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from hnet_seq.analysis.genes import Genes, resolve
from modalities.errors import InputError
from pipelines.formats.annotation import Feature
from pipelines.formats.annotation_file import gene_format, read_features
from pipelines.formats.genome import Genome


@dataclass(frozen=True)
class Annotation:
    """What a GFF3, GTF or GenBank file says of a genome.

    Attributes:
        features: rows of each record, in the file's order.
        circular: records that go on from their last base to their first.
        genes: what the rows mean.
    """

    path: Path
    features: dict[str, list[Feature]]
    circular: frozenset[str]
    genes: Genes

    def check_phases(self) -> None:
        """Raise InputError where a CDS row has no phase, which codons need."""
        for feature in self.genes.without_phase:
            assert isinstance(feature, Feature)
            raise InputError(
                self.path,
                "a CDS without a phase; GFF3 has 0, 1 or 2 there, and codons need it",
                where=f"line {feature.line}",
            )

    def tell(self) -> None:
        """One line on standard error of what could not be decided, or only by the sequence."""
        notes = list(self.genes.notes)
        if rows := len(self.genes.without_phase):
            notes.insert(0, f"{rows:,} CDS rows without a phase, so without codons")
        if notes:
            print(f"{self.path}: {'; '.join(notes)}", file=sys.stderr)


def read_annotation(path: str | Path, genome: Genome) -> Annotation:
    """Read and resolve a plain, gzip or bgzip file; its content tells the format.

    Raises:
        InputError: the file is malformed, or of another genome.
    """
    path = Path(path)
    kind = gene_format(path)
    rows, circular = read_features(path, kind, lengths=genome.lengths)
    features: dict[str, list[Feature]] = defaultdict(list)
    for row in rows:
        features[row.sequence].append(row)
    genes = resolve(
        features, kind=kind, lengths=genome.lengths, circular=circular, fetch=genome.fetch
    )
    return Annotation(path, dict(features), circular, genes)
