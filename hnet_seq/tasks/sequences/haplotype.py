"""One copy of a genome: the reference, and what stands in place of its bases."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from modalities import dna
from modalities.base import Bases, Tokens

UNPHASED = "/"


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


@dataclass
class Haplotype:
    """One copy of a genome: the reference, and what stands in place of its bases.

    Alleles are taken in the order of their positions. One that lies over an earlier one is left
    out, but for an insertion or deletion whose first base, which it shares with the reference, is
    the last base of the earlier one, unless that was an insertion: as ``bcftools consensus`` has
    it.

    Attributes:
        missing: 0-based bounds of reference alleles whose genotype is not known, by record.
    """

    genome: Bases
    missing: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
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

    def unknown(self, record: str, start: int, end: int) -> int:
        """How many genotypes at [start, end) are not known."""
        own = self.missing[record]
        first = bisect_left(own, (start - max((b - a for a, b in own), default=0), 0))
        last = bisect_left(own, (end, 0))
        return sum(start < one[1] for one in own[first:last])

    def described(self, record: str) -> str:
        """What stands on a record that the genome does not have; equal for equal ones."""
        return f"{self._edits[record]} {self.missing[record]}"


class Edited:
    """A genome with some edits of one record in place, in its own coordinates."""

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
        return [
            edit
            for here, edit in self.edits
            if here < end and start < here + max(len(edit.alt), 1) and (edit.alt or start < here)
        ]


def _start(edit: Edit) -> int:
    return edit.start


def _is_indel(ref: str, alt: str) -> bool:
    """Whether letters are only inserted, or only deleted."""
    short, long = sorted((ref, alt), key=len)
    same = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    return short != long and long[same:].endswith(short[same:])
