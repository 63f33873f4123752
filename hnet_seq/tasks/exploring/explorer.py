"""What an explorer is asked: lanes of a region, bits, a dependency map; all through its models."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from hnet_seq.results.dependency_map import DependencyMap
from hnet_seq.results.explored import Explored, Lane
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS
from hnet_seq.tasks.explaining.explanation import check_stretch
from hnet_seq.tasks.explaining.finish import map_record
from hnet_seq.tasks.explaining.substituted import Window
from hnet_seq.tasks.explaining.work import plan
from hnet_seq.tasks.exploring.reading import OnTokens, Reader, stages_of
from hnet_seq.tasks.exploring.sources import Source
from hnet_seq.tasks.scoring.mutagenesis import around
from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.formats.regions import Span

MOST_MAP = 300  # bases of a dependency map: a minute on two cores
# Readings that are kept: less than a megabyte each of 12,000 bases, some of a whole document.
KEPT = 128

Strand = Literal["+", "-"]
Value = TypeVar("Value")
Steps = Generator[tuple[int, int], None, Value]
"""Steps of work that others may come between: done, of how many; and what it comes to."""


@dataclass
class Kept:
    """What was computed, the last that were asked for."""

    most: int = KEPT
    _values: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    def get(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """The value of a key, computed where it is not kept."""
        if key not in self._values:
            self._values[key] = compute()
        self._values.move_to_end(key)
        while len(self._values) > self.most:
            self._values.popitem(last=False)
        value: Value = self._values[key]
        return value


@dataclass(frozen=True)
class Explorer:
    """Models, and what they read. One thread at a time may ask.

    Attributes:
        readers: one model, or two that read the same letters.
        source: None where only what is pasted is read.
    """

    readers: list[Reader]
    source: Source | None
    kept: Kept = field(default_factory=Kept)

    @property
    def modality(self) -> str:
        """What the models read."""
        return self.readers[0].modality.name

    @property
    def file(self) -> Source:
        """The source; UsageError without one."""
        if self.source is None:
            raise UsageError("region", "there is no GENOME; paste a sequence")
        return self.source

    @property
    def strands(self) -> tuple[Strand, ...]:
        """That there are to read."""
        return ("+", "-") if self.modality == dna.DNA.name else ("+",)

    def reader(self, number: int) -> Reader:
        """One of the models; UsageError for another number."""
        if not 0 <= number < len(self.readers):
            raise UsageError("model", f"is {number}; there are 0 to {len(self.readers) - 1}")
        return self.readers[number]

    def lane(
        self, number: int, source: Source, span: Span, strand: Strand, tell: OnTokens
    ) -> Explored:
        """A region with one reading of it.

        Raises:
            UsageError: no such model, or a modality of one strand.
            InputError: no such region.
        """
        reader = self.reader(number)
        if strand not in self.strands:
            raise UsageError("strand", f"is {strand}, but {self.modality} has one strand")
        name, start, end = source.checked(span)
        letters = source.letters(span)
        whole = source.kept(span)
        stretch = source.stretch(whole, strand, both_sides=reader.model.bidirectional)
        record = self.kept.get(
            ("cuts", number, _key(source), whole, strand), lambda: reader.cut(stretch, tell)
        )
        first = whole[2] - end if strand == "-" else start - whole[1]
        last = first + end - start
        lane = Lane(
            model=reader.name,
            strand=strand,
            before=stretch.start - stretch.origin + first,
            behind=stretch.behind + whole[2] - whole[1] - last,
            stages=stages_of(record, first, last),
        )
        is_dna = self.modality == dna.DNA.name
        return Explored(
            modality=self.modality,
            source=source.path.name if source.path else None,
            record=name,
            length=source.lengths[name],
            start=start,
            end=end,
            letters=dna.decode(letters) if is_dna else base64.b64encode(letters.tobytes()).decode(),
            arrows=source.arrows(span),
            lanes=[lane],
        )

    def bits(
        self, number: int, source: Source, span: Span, strand: Strand, tell: OnTokens
    ) -> list[float | None]:
        """Of each place of a region, in the direction of reading; errors as :meth:`lane`.

        Raises:
            InputError: the model is masked.
        """
        reader = self.reader(number)
        stretch = source.stretch(source.checked(span), strand, both_sides=False)
        return self.kept.get(
            ("bits", number, _key(source), span, strand), lambda: reader.bits(stretch, tell)
        )

    def dependencies(self, number: int, source: Source, span: Span) -> Steps[DependencyMap]:
        """The map of a region, read in the middle of what `explain` reads.

        Raises:
            UsageError: no such model, a region too long, or a model of text.
        """
        reader = self.reader(number)
        name, start, end = source.checked(span)
        if self.modality != dna.DNA.name:
            raise UsageError("map", f"is for DNA; {reader.name} reads {self.modality}")
        if end - start > MOST_MAP:
            said = (
                f"is of at most {MOST_MAP} bases here, and this are {end - start:,}; zoom in, or "
            )
            raise UsageError("map", said + "use hnet-seq explain")
        check_stretch(source.letters(span), source.path, "map")
        first, last = around(start, end, source.lengths[name])
        window = Window(source.letters((name, first, last)), start - first, end - first)
        work = plan(reader.model, window, strands="average")
        items, values = list(work.items()), []
        for done, item in enumerate(items):
            yield done, len(items)
            values.append((item, work.compute(lambda _: reader.model, item, SCORE_BATCH_TOKENS)))
        return map_record(work.found(values).maps[0][1], name, start, work)

    def whole(self, source: Source, span: Span, *, maps: bool = False) -> Explored:
        """A region with all that is known of it: every model, both strands, bits.

        Args:
            maps: also a dependency map by each model, of a region that is not too long for one.
        """
        found, lanes = None, []
        maps = maps and span[2] - span[1] <= MOST_MAP
        for number, reader in enumerate(self.readers):
            for strand in self.strands:
                found = self.lane(number, source, span, strand, _deaf)
                (lane,) = found.lanes
                if not reader.model.bidirectional:
                    lane = replace(lane, bits=self.bits(number, source, span, strand, _deaf))
                if maps and strand == "+":
                    lane = replace(
                        lane, dependencies=finished(self.dependencies(number, source, span))
                    )
                lanes.append(lane)
        if found is None:
            raise InputError(None, "no model reads it")
        return replace(found, lanes=lanes)


def _deaf(_tokens: int) -> None:
    """Whom nothing has to be told."""


def _key(source: Source) -> Hashable:
    """What tells a source from another: pasted ones are made anew for each question."""
    if source.path is not None:
        return "file"
    (name,) = source.lengths
    return name, source.letters((name, 0, source.lengths[name])).tobytes()


def finished(steps: Steps[Value]) -> Value:
    """What they come to, all at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: Value = end.value
            return value
