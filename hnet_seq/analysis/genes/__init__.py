"""Genes of an annotation, resolved once for everything that reads one.

Rows of GFF3, GTF and GenBank become coding sequences and transcripts: parts in the order of
translation, whole or open at their ends, with the introns between them.
"""

from hnet_seq.analysis.genes.model import (
    CodingSequence,
    Cut,
    Part,
    RecordGenes,
    joined_rows,
    sign_of,
    spans_inside,
)
from hnet_seq.analysis.genes.resolve import Fetch, Genes, resolve
from hnet_seq.analysis.genes.rows import Feature

__all__ = [
    "CodingSequence",
    "Cut",
    "Feature",
    "Fetch",
    "Genes",
    "Part",
    "RecordGenes",
    "joined_rows",
    "resolve",
    "sign_of",
    "spans_inside",
]
