"""A region as ``hnet-seq explore`` shows it: where models cut it, on which strand, with what."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import ClassVar, Literal

from hnet_seq.results.dependency_map import LETTERS, DependencyMap
from hnet_seq.results.record import Result

DNA = "dna"


@dataclass(frozen=True)
class StageReading:
    """What one stage of a model made of a region, in the direction of reading.

    Attributes:
        probabilities: of a boundary before each place that the stage looks at: stage 0 at all
            places of the region, a deeper one at ``boundaries`` of the stage outside it.
        boundaries: 0-based places of the region, ascending, at which a chunk begins.
    """

    probabilities: list[float]
    boundaries: list[int]


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One reading of the region: by one model, on one strand.

    Attributes:
        model: as it was named.
        strand: ``-``: the reverse complement was read; place 0 is the last base of the region.
        before, behind: bases or bytes around the region, in the direction of reading, that were
            read with it.
        stages: from the outside in.
        bits: of each place, given all that was read before it; None where it has none.
        dependencies: a map of a part of the region, on the strand ``+``.
    """

    model: str
    strand: Literal["+", "-"]
    before: int
    behind: int
    stages: list[StageReading]
    bits: list[float | None] | None = None
    dependencies: DependencyMap | None = None

    def check(self, length: int) -> None:
        """Raise ValueError where it is no reading of ``length`` places."""
        looked_at = list(range(length))
        for number, stage in enumerate(self.stages):
            if len(stage.probabilities) != len(looked_at):
                count, places = len(stage.probabilities), len(looked_at)
                raise ValueError(f"stage {number} has {count} probabilities for {places} places")
            if sorted(set(stage.boundaries) & set(looked_at)) != stage.boundaries:
                raise ValueError(f"stage {number} has boundaries where it does not look")
            looked_at = stage.boundaries
        if self.bits is not None and len(self.bits) != length:
            raise ValueError(f"{len(self.bits)} bits for {length} places")


@dataclass(frozen=True)
class Arrow:
    """What an annotation has there: bases of the record, 0-based and half-open.

    Attributes:
        type: CDS, tRNA, ...; ``strand`` is ``.`` where it has none.
    """

    start: int
    end: int
    strand: str
    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Explored(Result):
    """``explored.json``: a region ``[start, end)`` of a record, bases or bytes, 0-based.

    Attributes:
        source: the file that the record is from; None for what was pasted.
        length: of the record.
        letters: of the region, the strand ``+``: bases, or bytes of text and code in base64.
        arrows: by start.
        lanes: one or more, of the first model first.
    """

    KIND: ClassVar[str] = "explored"
    modality: str
    source: str | None
    record: str
    length: int
    start: int
    end: int
    letters: str
    arrows: list[Arrow]
    lanes: list[Lane]

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= self.length:
            raise ValueError(f"{self.start} to {self.end} is not within 0 to {self.length}")
        if self.modality == DNA and set(self.letters) - LETTERS:
            raise ValueError("'letters' are not those of DNA")
        try:
            held = len(
                self.letters
                if self.modality == DNA
                else base64.b64decode(self.letters, validate=True)
            )
        except ValueError:
            held = -1
        if held != self.end - self.start:
            raise ValueError(f"'letters' are not {self.end - self.start}")
        if not self.lanes:
            raise ValueError("'lanes' are none: nothing has read it")
        for number, lane in enumerate(self.lanes):
            try:
                lane.check(self.end - self.start)
            except ValueError as error:
                raise ValueError(f"lanes[{number}]: {error}") from None
