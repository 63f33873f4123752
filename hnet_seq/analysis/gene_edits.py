"""Edits that take a gene out: premature stop codons along its coding sequence, and its deletion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hnet_seq.analysis.genes.model import Chain, CodingSequence, Part
from modalities import dna
from modalities.base import Bases, Tokens

REASONS = {
    "open": "a coding sequence whose beginning is not there: where its frame starts is not known",
    "out_of_frame": "a coding sequence that is no whole number of codons, or whose phases disagree",
    "short": "a coding sequence without a codon between its start and its stop",
}


class Turned:
    """A circular record that begins elsewhere, so that a gene and what lies around it are whole.

    Args:
        first: the base that comes first.
    """

    def __init__(self, genome: Bases, record: str, first: int) -> None:
        self._genome = genome
        self._length = genome.lengths[record]
        self.first = first % self._length
        self.lengths = {record: self._length}

    def fetch(self, name: str, start: int, end: int) -> Tokens:
        """Tokens (end - start,) of the record, 0-based."""
        return np.concatenate(self.pieces(name, start, end))

    def pieces(self, name: str, start: int, end: int) -> list[Tokens]:
        """The same before and behind the origin."""
        here = self.first + start
        if here >= self._length:
            here -= self._length
        behind = max(0, here + end - start - self._length)
        found = [self._genome.fetch(name, here, here + end - start - behind)]
        return [*found, self._genome.fetch(name, 0, behind)] if behind else found


@dataclass(frozen=True)
class GeneEdit:
    """One edit.

    Attributes:
        codon: of a stop, its number in the gene from 0; None of a deletion.
        start, end: 0-based bounds of what is replaced.
        alt: (n,) tokens that take its place, with no letter in common at either end.
    """

    codon: int | None
    start: int
    end: int
    alt: Tokens


def why_not(coding: CodingSequence) -> str | None:
    """Why a coding sequence has no edits, one of ``REASONS``."""
    chain = coding.chain
    if coding.start is None:
        return "open"
    if chain.bases() % 3 or not chain.is_in_frame():
        return "out_of_frame"
    return None if chain.bases() >= 3 * (2 + (coding.stop is not None)) else "short"


def shifted(chain: Chain, by: int) -> Chain:
    """The same bases in coordinates that begin at ``by``."""
    parts = tuple(
        Part(own.start - by, own.end - by, own.sign, own.phase, own.row) for own in chain.parts
    )
    return Chain(parts, None, chain.breaks)


def stop_edits(
    bases: Bases, record: str, coding: CodingSequence, places: int, stops: Collection[str]
) -> list[GeneEdit | str]:
    """Codons that become stops, at ``places`` places that lie evenly along the gene.

    The first codon is none of these, nor the gene's own stop. Each place has an edit for each of
    ``stops``; or a reason: ``unknown_base``, ``both_strands`` for a codon of two strands, or
    ``read_twice`` for one with a base that another has, too, where the ribosome slips back.
    """
    along = list(coding.chain.forwards())
    times = Counter(place for place, _ in along)
    twice = {place for place, count in times.items() if count > 1}
    last = len(along) // 3 - (coding.stop is not None)
    chosen = [1 + (2 * own + 1) * (last - 1) // (2 * places) for own in range(places)]
    found: list[GeneEdit | str] = []
    for codon in dict.fromkeys(chosen):
        own = along[3 * codon : 3 * codon + 3]
        if any(place in twice for place, _ in own):
            found += ["read_twice"] * len(stops)
            continue
        found += [_stop(bases, record, codon, own, dna.encode(stop)) for stop in sorted(stops)]
    return found


def _stop(
    bases: Bases, record: str, codon: int, own: Sequence[tuple[int, int]], stop: Tokens
) -> GeneEdit | str:
    places, signs = zip(*own, strict=True)
    if len(set(signs)) > 1:
        return "both_strands"
    start, end = min(places), max(places) + 1
    there = bases.fetch(record, start, end)
    inside = [place - start for place in places]
    if (there[inside] >= dna.UNKNOWN).any():
        return "unknown_base"
    changed = there.copy()
    changed[inside] = stop if signs[0] > 0 else 3 - stop
    differ = np.flatnonzero(changed != there)
    if not len(differ):
        return "same_as_reference"
    first, behind = int(differ[0]), int(differ[-1]) + 1
    return GeneEdit(codon, start + first, start + behind, changed[first:behind])


def deletions(chain: Chain, most: int) -> list[GeneEdit]:
    """All coding bases, exon by exon, in pieces of one length each and of at most ``most``.

    Each base once: parts that overlap, where the ribosome slips back, are one.
    """
    found = []
    for part in chain.merged().parts:
        count = -(-len(part) // most)
        cuts = [part.start + len(part) * own // count for own in range(count + 1)]
        found += [
            GeneEdit(None, start, end, np.zeros(0, np.uint8)) for start, end in pairwise(cuts)
        ]
    return found
