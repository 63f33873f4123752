"""What becomes of the inputs of ``hnet-seq shard``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import modalities
from modalities.dna import check_iupac
from modalities.errors import UsageError
from pipelines.documents import DocumentOptions
from pipelines.documents.options import Duplicates
from pipelines.shards.unknown_runs import UNKNOWN_RUN, check_run
from pipelines.shards.writer import BLOCK_SIZE, SHARD_SIZE, check_sizes

GUARD = 1000  # bases
# Options that say nothing of text and code.
_OF_DNA = (
    *("guard", "iupac", "unknown_run", "keep_soft_mask"),
    *("regions", "features", "flank", "label_regions"),
    *("duplicates", "similarity"),
)


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
            either strand, or drop ``near`` ones too; of text and code ``documents`` says it.
        similarity: estimated Jaccard similarity of their words of 21 bases from which records of
            DNA are near duplicates.
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
    duplicates: Duplicates = "keep"
    similarity: float = 0.8
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
        self.comparison()

    def comparison(self) -> DocumentOptions:
        """How records of DNA are compared, as documents are.

        Raises:
            UsageError: no such choice, or a similarity out of range.
        """
        return DocumentOptions(duplicates=self.duplicates, similarity=self.similarity)

    def recorded(self) -> dict[str, Any]:
        """What the manifest says of them."""
        values = asdict(self)
        documents = values.pop("documents")
        if self.is_dna:
            values["regions"] = None if self.regions is None else str(Path(self.regions).name)
            return values
        for key in _OF_DNA:
            del values[key]
        return values | {"documents": documents}
