"""``<out>.json`` of ``embed``: how vectors were made, and what a sample of them looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from hnet_seq.results.record import Result
from pipelines.storage.json_records import Finite, Later


@dataclass(frozen=True, kw_only=True)
class EmbeddingModel:
    """Which weights."""

    checkpoint: Later[str]
    sha256: Later[str]
    twin: str | None = None
    modality: Later[str]


@dataclass(frozen=True, kw_only=True)
class EmbeddingInput:
    """What was read; ``bases`` are tokens."""

    source: Later[str]
    sha256: Later[str]
    sequences: int
    bases: int


@dataclass(frozen=True, kw_only=True)
class NormPercentile:
    """A norm, and the percentile that it is of the sample."""

    percentile: float
    norm: float


@dataclass(frozen=True, kw_only=True)
class Follows:
    """Pearson's r of a principal component with what takes no model; None where one is constant."""

    gc: float | None
    length: float | None


@dataclass(frozen=True, kw_only=True)
class Points:
    """The first two principal components of each sequence of the sample."""

    x: list[Finite]
    y: list[Finite]
    names: Later[list[str]]
    labels: list[str | None] | None

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or len(self.labels or self.x) != len(self.x):
            raise ValueError("lists of different lengths")
        if not self.x:
            raise ValueError("holds no points")


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What ``sampled`` vectors look like: norms, and principal components by share of variance."""

    sampled: int
    norm_percentiles: list[NormPercentile]
    variance_explained: list[Finite]
    correlations: list[Follows]
    points: Points


@dataclass(frozen=True, kw_only=True)
class Embedding(Result):
    """What was done.

    Attributes:
        options: as given, or what they came to.
        rows, width: of the matrix.
        seconds: of computing, all processes and runs together.
        overview: None for vectors of chunks or bases.
    """

    KIND: ClassVar[str] = "hnet-seq embedding"
    version: Later[str]
    output: Later[str]
    model: EmbeddingModel
    input: EmbeddingInput
    options: dict[str, Any]
    device: Later[str]
    rows: Later[int]
    width: int
    seconds: float
    overview: Overview | None

    @property
    def twin(self) -> str | None:
        """What an untrained twin was drawn with; None for a model."""
        return self.model.twin
