"""Where chunks begin, as ``segment`` counts it: in DNA, along one stretch of it, and in text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hnet_seq.results.record import Result
from pipelines.storage.json_records import Later

BYTE_SECTIONS = ("kinds", "places", "multi_byte")


@dataclass(frozen=True, kw_only=True)
class BaseRate:
    """Boundaries per base at the bases of one kind.

    Attributes:
        length: of a run of one letter, bases.
        rate, low, high: with its 95% interval; None where too few bases can tell.
        control: the rate over all bases.
        context_control: what the last three bases alone lead one to expect.
        bases: of this kind.
    """

    strand: str | None = None
    position: int | None = None
    length: int | None = None
    name: str | None = None
    place: str | None = None
    codon: str | None = None
    rate: float | None
    low: float | None
    high: float | None
    control: float | None
    context_control: Later[float]
    bases: int
    boundaries: Later[int]


@dataclass(frozen=True)
class StageChunks:
    """Boundaries of one stage on all bases."""

    stage: int
    boundaries: int
    bases_per_chunk: float | None


@dataclass(frozen=True)
class ChunkLengths:
    """Chunks by length in bases, the last one that long or longer; and of boundaries at random."""

    chunks: int
    mean: float | None
    histogram: dict[str, int]
    control: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Boundaries(Result):
    """``boundaries.json``; a table for each way to sort bases."""

    KIND: ClassVar[str] = "boundaries"
    twin: str | None = None
    stage: Later[int]
    stages: Later[list[StageChunks]]
    genome: Later[str]
    annotation: Later[str]
    region: str
    attention_window: Later[int]
    codon_position: list[BaseRate]
    regions: list[BaseRate]
    homopolymer: list[BaseRate]
    homopolymer_place: Later[list[BaseRate]]
    features: list[BaseRate]
    chunk_length: Later[ChunkLengths]
    bases: int
    boundaries: int
    rate: Later[float]


@dataclass(frozen=True)
class Gene:
    """One coding sequence; bases, 0-based and half-open."""

    start: int
    end: int
    strand: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Region(Result):
    """``region.json``: a stretch of a record, bases, 0-based and half-open.

    Attributes:
        bases: its letters.
        boundary_prob: of each base.
        boundaries: bases of the record at which a chunk begins.
    """

    KIND: ClassVar[str] = "region"
    sequence: str
    start: int
    end: int
    bases: Later[str]
    boundary_prob: list[float]
    boundaries: list[int]
    genes: list[Gene]

    def __post_init__(self) -> None:
        count = len(self.boundary_prob)
        if self.end <= self.start or count != self.end - self.start:
            raise ValueError(f"{count} boundary probabilities for bases {self.start}-{self.end}")


@dataclass(frozen=True)
class ByteClass:
    """Bytes of one kind.

    Attributes:
        share, low, high: of all boundaries, those at such bytes, and its 95% interval.
        expected: the share that boundaries at random would have there.
        ratio, ratio_low, ratio_high: share / expected, and its 95% interval.
    """

    class_: str
    bytes: int
    boundaries: int
    share: float | None
    low: float | None
    high: float | None
    expected: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True, kw_only=True)
class LabelBoundaries:
    """All kinds of bytes in the documents of one label; of all documents without one.

    Attributes:
        resampled: what intervals leave out one of, and ``units`` how many of them there are.
    """

    label: str | None = None
    documents: int
    bytes: int
    boundaries: int
    bytes_per_boundary: Later[float]
    resampled: str
    units: int
    kinds: list[ByteClass]
    places: list[ByteClass]
    multi_byte: list[ByteClass]

    def rows(self, section: str) -> list[ByteClass]:
        """Those of one of :data:`BYTE_SECTIONS`."""
        found: list[ByteClass] = getattr(self, section)
        return found


@dataclass(frozen=True, kw_only=True)
class TextBoundaries(Result):
    """``text_boundaries.json``."""

    KIND: ClassVar[str] = "text_boundaries"
    twin: str | None = None
    stage: int
    inputs: list[str]
    split: str | None
    attention_window: Later[int]
    all: LabelBoundaries
    labels: list[LabelBoundaries]

    def __post_init__(self) -> None:
        for index, label in enumerate(self.labels):
            if label.label is None:
                raise ValueError(f"labels[{index}]: no 'label'")
            for section in BYTE_SECTIONS:
                one, other = (
                    [row.class_ for row in each.rows(section)] for each in (label, self.all)
                )
                if one != other:
                    raise ValueError(f"labels[{index}]: has other rows than 'all'")
