"""One copy of a genome: the reference, and what stands in place of its bases."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hnet_seq.tasks.scoring.variant_windows import trimmed
from modalities import dna
from modalities.base import Bases, Tokens
from pipelines.formats.alleles import without_letters

UNPHASED = "/"
_ANY = ("<NON_REF>", "<*>")  # whatever else could stand there


class Edit(NamedTuple):
    """An allele of a haplotype.

    Attributes:
        start: 0-based, of ``ref`` on the reference.
        ref, alt: letters without those that stand before an insertion or deletion.
        phase: ``""`` where all haplotypes of the sample have it, so that there is no phase to know;
            ``"/"`` where it is not known; else the name of the phase set.
    """

    start: int
    ref: str
    alt: str
    phase: str = ""

    @property
    def end(self) -> int:
        """Behind the last base that it replaces."""
        return self.start + len(self.ref)

    @property
    def bare(self) -> Edit:
        """Without the letters that both alleles share at their ends: what it changes."""
        return Edit(*trimmed(self.start, self.ref, self.alt), self.phase)


class Unread(NamedTuple):
    """A row whose genotype is not known.

    Attributes:
        start, end: 0-based bounds of its reference allele.
        ref, alts: its alleles as they are written.
    """

    start: int
    end: int
    ref: str
    alts: Sequence[str]

    @property
    def edits(self) -> list[Edit]:
        """Of its alleles with letters."""
        return [
            Edit(self.start, self.ref.upper(), alt.upper()).bare
            for alt in self.alts
            if without_letters(alt) is None
        ]

    @property
    def says_any(self) -> bool:
        """Whether it is of all that could stand on its bases, as a block of gVCF is."""
        return not self.alts or any(alt in _ANY for alt in self.alts)


@dataclass
class Haplotype:
    """One copy of a genome: the reference, and what stands in place of its bases.

    Alleles are taken in the order of their positions. One that lies over an earlier one is left
    out, but for an insertion or deletion whose first base, which it shares with the reference, is
    the last base of the earlier one, unless that was an insertion: as ``bcftools consensus`` has
    it.

    """

    genome: Bases
    _missing: dict[str, list[Unread]] = field(default_factory=lambda: defaultdict(list))
    _ends: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _longest: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _edits: dict[str, list[Edit]] = field(default_factory=lambda: defaultdict(list))
    _last: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def take(self, record: str, start: int, ref: str, alt: str, phase: str = "") -> bool:
        """Put ``alt`` in the place of ``ref`` at 0-based ``start``; whether there is room for it.

        Positions must not fall.
        """
        end, inserted = self._last.get(record, (-1, False))
        shared = int(ref[0] == alt[0] and _is_indel(ref, alt))
        if start < end - 1 or (start == end - 1 and (inserted or not shared)):
            return False
        self._last[record] = start + len(ref), len(alt) > len(ref)
        self._edits[record].append(Edit(start + shared, ref[shared:], alt[shared:], phase))
        return True

    def miss(self, record: str, row: Unread) -> None:
        """Take a row whose genotype is not known. Positions must not fall."""
        self._missing[record].append(row)
        insort(self._ends[record], row.end)
        length = row.end - row.start if row.says_any else len(row.ref)
        self._longest[record] = max(self._longest[record], length)

    def fetch(self, record: str, start: int, end: int) -> Tokens:
        """Tokens in the place of the reference's bases ``start`` to ``end``.

        Letters that an allele has beyond its reference's belong to the last base of that; those
        that are inserted between bases to the base before.
        """
        edits = self._edits[record]
        index = bisect_left(edits, start, key=_start)
        if index and edits[index - 1].end > start:
            index -= 1  # it begins before, and reaches in
        parts, place = [], start
        while index < len(edits):
            at, ref, alt, _ = edits[index]
            if at >= end + (not ref):
                break
            index += 1
            if not ref and at == start:
                continue  # of the base before
            parts.append(self.genome.fetch(record, place, max(place, at)))
            place = min(end, at + len(ref))
            last = len(alt) if at + len(ref) <= end else end - at
            parts.append(dna.encode(alt[max(0, start - at) : last]))
        parts.append(self.genome.fetch(record, place, end))
        return np.concatenate(parts)

    def around(self, record: str, start: int, end: int, bases: int) -> list[Edit]:
        """The edits at [start, end) and so far on either side that ``bases`` of it lie between."""
        edits = self._edits[record]
        index = bisect_left(edits, start, key=_start)
        first, free, place = index, bases, start
        while first and free > 0:
            first -= 1
            free -= max(0, place - edits[first].end) + len(edits[first].alt)
            place = edits[first].start
        last, free, place = index, bases, end
        while last < len(edits) and free > 0:
            free -= max(0, edits[last].start - place) + len(edits[last].alt)
            place = max(place, edits[last].end)
            last += 1
        return edits[first:last]

    def lost(self, record: str, start: int, end: int) -> int:
        """How many bases fewer the edits at [start, end) leave, of those that leave fewer."""
        edits = self._edits[record]
        first, last = (bisect_left(edits, place, key=_start) for place in (start, end))
        first -= first > 0 and edits[first - 1].end > start  # it reaches in
        return sum(max(0, len(edit.ref) - len(edit.alt)) for edit in edits[first:last])

    def unknown(self, record: str, start: int, end: int) -> int:
        """How many genotypes at [start, end) are not known."""
        begun = bisect_left(self._missing[record], end, key=_start)
        return begun - bisect_right(self._ends[record], start)

    def unread(self, record: str, start: int, end: int) -> list[Unread]:
        """The rows of these that have a letter there, or are of all that could stand there."""
        if not self.unknown(record, start, end):
            return []
        own = self._missing[record]
        last = bisect_left(own, end, key=_start)
        first = bisect_left(own, start - self._longest[record], key=_start)
        return [row for row in own[first:last] if start < row.end]

    def described(self, record: str) -> str:
        """What stands on a record that the genome does not have; equal for equal ones."""
        return f"{self._edits[record]} {self._missing[record]}"


class Edited:
    """A genome with some edits of one record in place, in its own coordinates.

    Args:
        edits: bare ones, in order.
    """

    def __init__(self, genome: Bases, record: str, edits: Sequence[Edit]) -> None:
        self._genome = genome
        self._record = record
        # Stretches between and of edits: their first base here, and there or the letters.
        self._parts: list[tuple[int, int | Tokens]] = []
        self.edits: list[tuple[int, Edit]] = []
        place = here = 0
        for edit in edits:
            self._parts.append((here, place))
            here += edit.start - place
            self.edits.append((here, edit))
            self._parts.append((here, dna.encode(edit.alt)))
            here, place = here + len(edit.alt), edit.end
        self._parts.append((here, place))
        self.lengths = {record: here + genome.lengths[record] - place}

    def fetch(self, name: str, start: int, end: int) -> Tokens:
        """Tokens (end - start,) of the record, 0-based."""
        found = []
        for index, (here, what) in enumerate(self._parts):
            behind = self._parts[index + 1][0] if index + 1 < len(self._parts) else end
            first, last = max(start, here) - here, min(end, behind) - here
            if first < last:
                if isinstance(what, int):
                    found.append(self._genome.fetch(name, what + first, what + last))
                else:
                    found.append(what[first:last])
        return np.concatenate(found) if found else np.zeros(0, np.uint8)

    def at(self, place: int) -> int:
        """Where a base of the genome lies here; one that no edit replaces."""
        ends = (edit for _, edit in self.edits if edit.end <= place)
        return place + sum(len(edit.alt) - len(edit.ref) for edit in ends)

    def within(self, start: int, end: int) -> list[Edit]:
        """The edits that [start, end) has a letter of, or lacks one by."""
        # What a deletion took lies between two bases, or before the first or behind the last.
        at_start, at_end = start == 0, end == self.lengths[self._record]
        return [
            edit
            for here, edit in self.edits
            if (here < end and start < here + len(edit.alt))
            or (not edit.alt and start - at_start < here < end + at_end)
        ]

    def under(self, start: int, end: int) -> tuple[int, int]:
        """Bounds of the genome's bases in whose place [start, end) stands."""
        first, last = start, end
        for here, edit in self.edits:
            behind = here + len(edit.alt)
            if here <= start:
                first = edit.start if start < behind else edit.end + start - behind
            if here < end:
                last = edit.end + max(0, end - behind)
        return first, last


def _start(edit: Edit | Unread) -> int:
    return edit.start


def _is_indel(ref: str, alt: str) -> bool:
    """Whether letters are only inserted, or only deleted."""
    short, long = sorted((ref, alt), key=len)
    same = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    return short != long and long[same:].endswith(short[same:])
