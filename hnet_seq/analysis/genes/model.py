"""Parts of a feature in the order of transcription, on lines and on circles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hnet_seq.analysis.genes.rows import SIGNS, Feature

LEAST_INTRON = 10  # bases: a shorter gap is a frameshift of the ribosome, not an intron

Cut = tuple[int, int]  # place between two bases, and the sign of its strand
Intron = tuple[Cut | None, Cut | None]  # donor and acceptor; None where the record ends inside
Span = tuple[int, int]  # 0-based, end exclusive


@dataclass(frozen=True)
class Part:
    """Bases ``start`` to ``end`` (0-based, exclusive) of one strand.

    Attributes:
        sign: +1 or -1.
        phase: bases to skip to the first whole codon; None where the file does not say.
        row: of the file, by its number.
    """

    start: int
    end: int
    sign: int
    phase: int | None
    row: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Chain:
    """Parts from the 5' to the 3' end; coordinates go on rising beyond a circular origin.

    Attributes:
        length: bases of a circular record; None on a line.
        breaks: joints that are no gap of one transcript: after these parts comes a part of
            another transcript (trans-splicing).
    """

    parts: tuple[Part, ...]
    length: int | None = None
    breaks: frozenset[int] = frozenset()

    def bases(self) -> int:
        """Of all parts."""
        return sum(len(part) for part in self.parts)

    def gap(self, joint: int) -> int:
        """Bases between a part and the one after it; negative where they overlap."""
        here, after = self.parts[joint], self.parts[joint + 1]
        return after.start - here.end if here.sign > 0 else here.start - after.end

    def gap_span(self, joint: int) -> Span:
        """The bases of a gap, in the chain's coordinates."""
        here, after = self.parts[joint], self.parts[joint + 1]
        return (here.end, after.start) if here.sign > 0 else (after.end, here.start)

    def introns(self, joints: Collection[int]) -> Iterator[Intron]:
        """Donor and acceptor at these joints."""
        for joint in joints:
            left, right = self.gap_span(joint)
            sign = self.parts[joint].sign
            before, behind = (self._right_end(left), sign), (self._left_end(right), sign)
            yield (before, behind) if sign > 0 else (behind, before)

    def _left_end(self, start: int) -> int:
        return start if self.length is None else start % self.length

    def _right_end(self, end: int) -> int:
        return end if self.length is None else (end - 1) % self.length + 1

    def cut_before(self, base: int, sign: int) -> Cut:
        """The cut on the 5' side of a base."""
        return (self._left_end(base) if sign > 0 else self._right_end(base + 1), sign)

    def first_cut(self) -> Cut:
        """The cut before the first base."""
        first = self.parts[0]
        return self.cut_before(first.start if first.sign > 0 else first.end - 1, first.sign)

    def backwards(self) -> Iterator[tuple[int, int]]:
        """Bases and their signs, from the last one."""
        for part in reversed(self.parts):
            bases = range(part.start, part.end)
            for base in reversed(bases) if part.sign > 0 else bases:
                yield base, part.sign

    def forwards(self) -> Iterator[tuple[int, int]]:
        """Bases and their signs, from the first one."""
        for part in self.parts:
            bases = range(part.start, part.end)
            for base in bases if part.sign > 0 else reversed(bases):
                yield base, part.sign

    def last_codon_cut(self) -> Cut | None:
        """The cut three translated bases before the end; None where there are fewer."""
        for count, (base, sign) in enumerate(self.backwards(), 1):
            if count == 3:
                return self.cut_before(base, sign)
        return None

    def extended(self, start: int, end: int, row: int) -> Chain:
        """With more bases at the 3' end; what is there already is not added again."""
        last = self.parts[-1]
        if last.sign > 0:
            start = max(start, last.end)
            joins = start == last.end
            grown = replace(last, end=end)
        else:
            end = min(end, last.start)
            joins = end == last.start
            grown = replace(last, start=start)
        if start >= end:
            return self
        if joins:
            return replace(self, parts=(*self.parts[:-1], grown))
        # The bases of the part before it that belong to a codon which goes on here.
        phase = None if last.phase is None else (last.phase - len(last)) % 3
        return replace(self, parts=(*self.parts, Part(start, end, last.sign, phase, row)))

    def merged(self) -> Chain:
        """With parts that touch, overlap or lie in the one before it as one."""
        parts, breaks = [self.parts[0]], set()
        for joint, after in enumerate(self.parts[1:]):
            last = parts[-1]
            gap = after.start - last.end if last.sign > 0 else last.start - after.end
            if joint in self.breaks or gap > 0:
                breaks |= {len(parts) - 1} if joint in self.breaks else set()
                parts.append(after)
            elif last.sign > 0:
                parts[-1] = replace(last, end=max(last.end, after.end))
            else:
                parts[-1] = replace(last, start=min(last.start, after.start))
        return Chain(tuple(parts), self.length, frozenset(breaks))

    def inside(self) -> tuple[Part, ...]:
        """The parts within the record: one across the origin is two."""
        found: list[Part] = []
        for part in self.parts:
            found += cut_at_origin(part, self.length)
        return tuple(found)

    def is_in_frame(self) -> bool:
        """Whether each part's phase is what the parts before it leave; unknown ones are."""
        return all(
            here.phase is None or after.phase is None or after.phase == (here.phase - len(here)) % 3
            for here, after in pairwise(self.parts)
        )


def cut_at_origin(part: Part, length: int | None) -> list[Part]:
    """A part within its record, or the two of one that crosses the origin, 5' first."""
    if length is None or part.end <= length:
        return [part]
    if part.start >= length:
        return [replace(part, start=part.start - length, end=part.end - length)]
    before, after = replace(part, end=length), replace(part, start=0, end=part.end - length)
    first, second = (before, after) if part.sign > 0 else (after, before)
    if part.phase is not None:
        second = replace(second, phase=(part.phase - len(first)) % 3)
    return [first, second]


@dataclass(frozen=True)
class CodingSequence:
    """One CDS.

    Attributes:
        chain: its parts, with the stop codon.
        name: as the file calls it.
        start, stop: the cuts before its start and its stop codon; None where it is open there.
        table: its genetic code, a number of NCBI's.
        gene: what the file has for its gene; empty where it does not say.
    """

    chain: Chain
    name: str
    start: Cut | None
    stop: Cut | None
    table: int = 1
    gene: str = ""


@dataclass
class RecordGenes:
    """The genes of one record. Spans lie within it: one across the origin is two.

    Attributes:
        coding: coding sequences with a reading frame.
        coding_spans: of all CDS rows that are no pseudogene, with or without a phase.
        introns: of all transcripts, each maybe several times.
        transcription_starts: 5' ends of transcripts.
        genic: everything like a gene that is not coding.
        pseudo: pseudogenes and the rows of their CDS.
    """

    coding: list[CodingSequence] = field(default_factory=list)
    coding_spans: list[Span] = field(default_factory=list)
    introns: list[Intron] = field(default_factory=list)
    transcription_starts: list[Cut] = field(default_factory=list)
    genic: list[Span] = field(default_factory=list)
    pseudo: list[Span] = field(default_factory=list)


def spans_inside(start: int, end: int, length: int | None) -> list[Span]:
    """A span within its record, or the two of one that crosses the origin."""
    return [(part.start, part.end) for part in cut_at_origin(Part(start, end, 1, None, 0), length)]


def joined_rows(
    features: Sequence[Feature], length: int | None, *, circular: bool
) -> list[tuple[Feature, int, int]]:
    """Each feature with its bounds; two rows of one ID that meet at a circular origin are one."""
    if length is None or not circular:
        return [(feature, feature.start, feature.end) for feature in features]
    heads = {
        _identity(feature): feature
        for feature in features
        if feature.start == 0 and feature.end < length and feature.attributes.get("ID")
    }
    tails = {_identity(f) for f in features if f.end == length and _identity(f) in heads}
    found = []
    for feature in features:
        head = heads.get(_identity(feature))
        if head is not None and _identity(feature) in tails:
            if feature is head:
                continue
            if feature.end == length:
                found.append((feature, feature.start, length + head.end))
                continue
        found.append((feature, feature.start, feature.end))
    return found


def _identity(feature: Feature) -> tuple[str, str, str]:
    return feature.attributes.get("ID", ""), feature.type, feature.strand


def sign_of(feature: Feature) -> int:
    """+1 or -1; what has no strand is read as on the + strand."""
    return SIGNS.get(feature.strand, 1)
