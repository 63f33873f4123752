"""What becomes of the inputs of ``hnet-seq shard``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import modalities
from modalities.dna import check_iupac
from modalities.errors import UsageError
from pipelines.corpus.corpus_split import FURTHEST, check_corpus_form
from pipelines.documents import DocumentOptions
from pipelines.documents.options import Duplicates
from pipelines.shards.split import check_form
from pipelines.shards.unknown_runs import UNKNOWN_RUN, check_run
from pipelines.shards.writer import BLOCK_SIZE, SHARD_SIZE, check_sizes

GUARD = 1000  # bases
# Options that say nothing of text and code.
_OF_DNA = (
    *("guard", "iupac", "unknown_run", "keep_soft_mask"),
    *("regions", "features", "flank", "label_regions"),
    *("duplicates", "similarity"),
)
_OF_CORPORA = ("near_distance", "min_distance", "broken_genomes")
BrokenGenomes = Literal["error", "drop"]
# What genomes of a corpus are called near-identical from on: dRep's for strains.
NEAR_DISTANCE = 0.01  # substitutions a base
MIN_DISTANCE = 0.1


@dataclass(frozen=True)
class ShardOptions:
    """What becomes of the inputs.

    Attributes:
        modality: ``dna``; ``dna_bytes``, its letters in the vocabulary of text; ``text``; ``code``.
        validation: what to hold out: see `pipelines.shards.split.plan_split` for DNA and
            `pipelines.shards.document_split.DocumentSplit` for the others; None holds out nothing.
        guard: bases dropped between training and validation of one record.
        iupac: what becomes of ambiguity codes other than N: "unknown" or "error".
        unknown_run: runs of this many unknown bases or more are cut out, and so are shorter ones
            at the ends of what is left.
        regions: BED, GFF, GTF or GenBank; only what lies in its intervals is kept.
        features: types of features; empty: all but those of whole records.
        flank: bases kept on both sides of an interval.
        label_regions: keep everything, with the label ``inside`` or ``outside``.
        keep_soft_mask: keep lower case as bit 7 of each stored token of ``dna``.
        duplicates: records of DNA: ``keep`` them, drop ``exact`` copies of an earlier one, on
            either strand, or drop ``near`` ones too; of text and code ``documents`` says it. Of a
            corpus genomes are copies, and ``weigh`` divides a weight by their number.
        similarity: estimated Jaccard similarity of their words of 21 bases from which records of
            DNA are near duplicates.
        near_distance: substitutions per base up to which genomes of a corpus are near-identical.
        min_distance: substitutions per base below which ``similarity:`` keeps two genomes of a
            corpus on one side.
        broken_genomes: those of a corpus that cannot be read are an ``error``, or ``drop`` them.
        documents: how text and code are read and chosen.
        block_size: tokens of a WebDataset sample at most.
        shard_size: tokens of a tar at most.
    """

    modality: str = "dna"
    validation: str | None = None
    guard: int = GUARD
    iupac: Any = "unknown"
    unknown_run: int = UNKNOWN_RUN
    regions: str | Path | None = None
    features: tuple[str, ...] = ()
    flank: int = 0
    label_regions: bool = False
    keep_soft_mask: bool = False
    duplicates: Duplicates | Literal["weigh"] = "keep"
    similarity: float = 0.8
    near_distance: float = NEAR_DISTANCE
    min_distance: float = MIN_DISTANCE
    broken_genomes: BrokenGenomes = "error"
    documents: DocumentOptions = field(default_factory=DocumentOptions)
    block_size: int = BLOCK_SIZE
    shard_size: int = SHARD_SIZE

    @property
    def is_dna(self) -> bool:
        """Whether inputs are read as bases."""
        return self.modality in ("dna", "dna_bytes")

    def check(self) -> None:
        """Raise UsageError for what cannot be meant."""
        modalities.get(self.modality)
        check_iupac(self.iupac)
        if not self.is_dna and (self.duplicates, self.similarity) != ("keep", 0.8):
            raise UsageError(
                "duplicates",
                f"of {self.modality} goes into documents=DocumentOptions(duplicates=...)",
            )
        check_run(self.unknown_run)
        check_sizes(self.block_size, self.shard_size)
        if self.regions is None and (self.features or self.flank or self.label_regions):
            raise UsageError(
                "regions", "is missing: BED, GFF, GTF or GenBank, for the other options"
            )
        if self.regions is not None and not self.is_dna:
            raise UsageError("regions", f"are of a genome; {self.modality} has none")
        if self.keep_soft_mask and self.modality != "dna":
            raise UsageError("keep_soft_mask", f"{self.modality} has no soft-masked letters")
        self._check_corpus()
        if self.duplicates != "weigh":
            self.comparison()

    def _check_corpus(self) -> None:
        if not 0 <= self.near_distance <= 0.05:
            raise UsageError("near_distance", f"is {self.near_distance}, expected 0 to 0.05")
        if not 0 < self.min_distance <= FURTHEST:
            raise UsageError(
                "min_distance",
                f"is {self.min_distance}, expected above 0 and up to {FURTHEST}: that far sketches "
                "of genomes tell",
            )
        if self.broken_genomes not in get_args(BrokenGenomes):
            raise UsageError(
                "broken_genomes", f"is {self.broken_genomes!r}, expected error or drop"
            )

    def check_inputs(self, corpus: bool) -> None:
        """Raise UsageError for what means nothing for a corpus, or for records of genomes.

        Args:
            corpus: whether the inputs are one.
        """
        if corpus:
            check_corpus_form(self.validation)
            if self.regions is not None:
                raise UsageError(
                    "regions", "are of one genome; give its file, not a folder, list or package"
                )
            return
        check_form(self.validation, self.guard)
        if self.duplicates == "weigh":
            raise UsageError(
                "duplicates", "weigh is for genomes of a folder, a list or a package; use near"
            )

    def comparison(self) -> DocumentOptions:
        """How records of DNA are compared, as documents are.

        Raises:
            UsageError: no such choice, or a similarity out of range.
        """
        assert self.duplicates != "weigh"
        return DocumentOptions(duplicates=self.duplicates, similarity=self.similarity)

    def recorded(self, corpus: bool = False) -> dict[str, Any]:
        """What the manifest says of them.

        Args:
            corpus: whether the inputs are one; other shards say nothing of its options.
        """
        values = asdict(self)
        documents = values.pop("documents")
        for key in () if corpus else _OF_CORPORA:
            del values[key]
        if self.is_dna:
            values["regions"] = None if self.regions is None else str(Path(self.regions).name)
            return values
        for key in _OF_DNA:
            del values[key]
        return values | {"documents": documents}
