"""Boundaries held against a genome: at annotated sites, after edits, and inside motifs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from hnet_seq.results.record import Result
from pipelines.storage.json_records import Later


@dataclass(frozen=True, kw_only=True)
class _OfGenome(Result):
    """What an action of ``boundaries`` looked at; the window of attention is bases."""

    twin: str | None = None
    stage: int
    genome: str
    region: str
    attention_window: Later[int]
    seed: int


@dataclass(frozen=True)
class Rate:
    """Boundaries per base at sites, with its 95% interval, of so many bases."""

    rate: float | None
    low: float | None
    high: float | None
    bases: Later[int]
    boundaries: Later[int]


@dataclass(frozen=True)
class Control:
    """What is expected at the sites, and observed / expected with its 95% interval.

    Attributes:
        p: two-sided, of the shifted sites alone.
    """

    expected: float | None
    ratio: float | None
    low: float | None
    high: float | None
    p: float | None = None


@dataclass(frozen=True)
class Controls:
    """Of ``shuffled`` None where no sequence was shuffled."""

    shuffled: Control | None
    shifted: Control
    random: Control
    context: Control


Column = list[float | None]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Boundaries per base by ``distance`` from the sites (bases, upstream below 0)."""

    distance: list[float]
    bases: Later[list[int]]
    rate: Column
    low: Column
    high: Column
    shifted: Column
    shifted_low: Column
    shifted_high: Column
    context: Column
    shuffled: Column | None = None

    def __post_init__(self) -> None:
        for name, column in vars(self).items():
            if column is not None and len(column) != len(self.distance):
                raise ValueError(f"{name!r} is not as long as 'distance'")


@dataclass(frozen=True)
class SiteKind:
    """Sites of one kind: the rate at them, its controls, and around them."""

    kind: str
    sites: int
    blocks: Later[int]
    observed: Rate
    controls: Controls
    profile: Profile


@dataclass(frozen=True, kw_only=True)
class Enrichment(_OfGenome):
    """``enrichment.json`` of ``boundaries enrich``; ``width`` and ``near`` are bases."""

    KIND: ClassVar[str] = "enrichment"
    bases: int
    boundaries: int
    features: list[str]
    width: Later[int]
    near: int
    block: Later[int]
    shifts: int
    shuffles: int
    rate: Later[float]
    shuffled_rates: Later[list[float]]
    kinds: list[SiteKind]


@dataclass(frozen=True)
class Distance:
    """Boundaries at some distances (bases, inclusive) on one side of an edit.

    Attributes:
        share, low, high: of them that stay, with its 95% interval.
        new: share of the boundaries after the edit that were not there before.
    """

    side: Literal["left", "right"]
    from_: int
    to: int
    boundaries: int
    kept: int
    share: float | None
    low: float | None
    high: float | None
    new: float | None


@dataclass(frozen=True)
class Edit:
    """The boundaries around one way to edit a base."""

    edit: str
    rows: list[Distance]


@dataclass(frozen=True, kw_only=True)
class Stability(_OfGenome):
    """``stability.json`` of ``boundaries stability``.

    Attributes:
        context, reach: bases that the model reads left of an edit; that are looked at around it.
        rate: boundaries per base, and so what would stay of them at random.
    """

    KIND: ClassVar[str] = "stability"
    places: int
    context: int
    reach: int
    rate: float
    edits: list[Edit]


@dataclass(frozen=True)
class MotifRow:
    """One way to cut one motif, with 95% intervals.

    Attributes:
        chunks: that an occurrence lies in.
        whole: share of the occurrences in one chunk.
        ratio: cuts inside over those expected at the cutter's own rate.
    """

    cutter: str
    chunks: float | None
    chunks_low: float | None
    chunks_high: float | None
    whole: float | None
    whole_low: float | None
    whole_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True)
class Motif:
    """One motif; ``length`` in bases, None where it does not occur."""

    motif: str
    occurrences: int
    length: float | None
    rows: list[MotifRow]


@dataclass(frozen=True)
class CutterLength:
    """Mean bases a chunk of one way to cut."""

    cutter: str
    bases_per_chunk: float | None


@dataclass(frozen=True, kw_only=True)
class LearnedPairs:
    """What byte pairs were learned from: ``trained_on`` bases, all outside the region or not."""

    merges: Later[int]
    bases_per_token: Later[float]
    trained_on: Later[int]
    held_out: bool


@dataclass(frozen=True, kw_only=True)
class Motifs(_OfGenome):
    """``motifs.json`` of ``boundaries motifs``; ``file`` has the motifs."""

    KIND: ClassVar[str] = "motifs"
    bases: Later[int]
    boundaries: Later[int]
    file: str
    byte_pairs: LearnedPairs | None
    rate: Later[float]
    cutters: list[CutterLength]
    motifs: list[Motif]
