"""Features of GFF3, GTF or GenBank, and which records are circular."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from modalities.errors import InputError
from pipelines.formats.annotation import (
    Feature,
    attribute_style,
    feature_lines,
    read_gff_and_circles,
)
from pipelines.formats.sequence_files import sequence_format


def gene_format(path: str | Path) -> str:
    """``GenBank``, ``GTF``, or ``GFF3``, whose reader says what is wrong with anything else.

    Raises:
        InputError: the file is unreadable.
    """
    path = Path(path)
    if sequence_format(path) == "genbank":
        return "GenBank"
    for _, line in feature_lines(path, until_fasta=True):
        style = attribute_style(line)
        if style or line.count("\t") != 8:
            return style or "GFF3"
    return "GFF3"


def read_features(
    path: str | Path,
    kind: str,
    *,
    types: Collection[str] | None = None,
    lengths: Mapping[str, int] | None = None,
) -> tuple[list[Feature], frozenset[str]]:
    """Features in the file's order, and the records that it calls circular.

    Args:
        kind: ``GFF3``, ``GTF`` or ``GenBank``, as `gene_format` says.
        types: the types wanted; all where None.
        lengths: bases of each record of the genome, to check names and ends against.

    Raises:
        InputError: as `pipelines.formats.annotation.read_gff` or
            `pipelines.formats.genbank_features.read_genbank_features`; or no feature is of these
            types.
    """
    wanted = None if types is None else set(types)
    if kind != "GenBank":
        return read_gff_and_circles(path, types=wanted, lengths=lengths, gtf=kind == "GTF")
    from pipelines.formats.genbank_features import (
        read_genbank_features,  # needs Biopython, as no other
    )

    features, circular = read_genbank_features(path, lengths=lengths)
    kept = [f for f in features if wanted is None or f.type in wanted]
    if not kept:
        there = ", ".join(list(dict.fromkeys(f.type for f in features))[:8])
        of_types = " or ".join(sorted(wanted or ()))
        raise InputError(
            path, f"no features of type {of_types}; it has {there}", where="whole file"
        )
    return kept, circular
