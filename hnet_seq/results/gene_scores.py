"""What ``score genes`` leaves beside its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from hnet_seq.results.scores import BaselineScores, Scores


@dataclass(frozen=True)
class GeneMeasure:
    """One score of genes.

    Attributes:
        name: a column of the table.
        genes: that have it.
        quantiles: 5, 25, 50, 75, 95%; None without genes.
        baselines: Spearman with what takes no such model to know.
    """

    name: str
    genes: int
    quantiles: Annotated[list[float], 5] | None
    baselines: list[BaselineScores]


@dataclass(frozen=True, kw_only=True)
class GeneScores(Scores):
    """How much less likely genes are with premature stop codons, and without their bases.

    Attributes:
        input: the annotation.
        places: along each gene, where codons become stops; ``stop_codon`` is the only one tried.
        genes: coding sequences, one of the isoforms of each gene; ``skipped`` by reason.
        edits, left_out: that have a score, and that have none, by reason.
    """

    KIND: ClassVar[str] = "genes"
    window: int
    markov_order: int
    places: int
    stop_codon: str | None
    genetic_code: int | None
    genes: int
    scored: int
    skipped: dict[str, int]
    edits: int
    left_out: dict[str, int]
    measures: list[GeneMeasure]
