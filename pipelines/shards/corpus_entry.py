"""What a manifest says of a corpus: every genome, where it went, and how near the splits are."""

from __future__ import annotations

from dataclasses import dataclass

UNSEEN = 0.24  # substitutions a base; three of a thousand words are shared at that distance


@dataclass(frozen=True)
class GenomeEntry:
    """One genome.

    Attributes:
        accession: its name; documents are called ``accession/record``.
        file: its first file, without folders.
        taxon, tax_id, level: as the list or the assembly report has them.
        bases, records: 0 where it could not be read.
        weight: factor of the loss of its bases in training.
        split: "train" or "validation"; None where it is left out.
        left_out: why, in a line; None where it is not.
        group: number of its near-identical genomes: those of one number are copies.
    """

    accession: str
    file: str
    taxon: str
    tax_id: int | None
    level: str
    bases: int
    records: int
    weight: float
    split: str | None
    left_out: str | None
    group: int | None


@dataclass(frozen=True)
class NearestGenome:
    """The pair of a held-out genome and one of training that is the nearest of all.

    Attributes:
        distance: substitutions per base.
    """

    held_out: str
    training: str
    distance: float


@dataclass(frozen=True)
class Corpus:
    """Genomes, in the order of the inputs.

    Attributes:
        near_distance: substitutions per base up to which genomes are near-identical.
        min_distance: that was asked for between the splits; None where nothing was.
        nearest: None where nothing is held out, or no held-out genome has a relative in training
            that sketches see: nearer than :data:`UNSEEN`.
    """

    genomes: list[GenomeEntry]
    near_distance: float
    min_distance: float | None
    nearest: NearestGenome | None
