"""Where the codons at the ends of a CDS are: lines that mark them, or the sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.genes.model import Chain
from hnet_seq.analysis.genes.rows import Row

Fetch = Callable[[int, int], NDArray[np.uint8]]
"""Tokens of the bases from one place of a record to another, 0-based and half-open."""

_LETTERS = "ACGT"
_STANDARD = 1
_STARTS = ("ATG", "GTG", "TTG")
_UNKNOWN = 4  # the first token that is not A, C, G or T


@dataclass(frozen=True)
class RecordBases:
    """The bases of one record, as far as they are at hand."""

    fetch: Fetch | None
    length: int | None
    circular: bool = False

    def spelled(self, bases: Sequence[tuple[int, int]]) -> str:
        """Letters of bases with their signs, read on their strands; empty where one is unknown."""
        letters = []
        for base, sign in bases:
            place = self._place(base)
            if self.fetch is None or place is None:
                return ""
            token = int(self.fetch(place, place + 1)[0])
            if token >= _UNKNOWN:
                return ""
            letters.append(_LETTERS[token if sign > 0 else 3 - token])
        return "".join(letters)

    def _place(self, base: int) -> int | None:
        if self.length is None:
            return base
        if not self.circular and not 0 <= base < self.length:
            return None
        return base % self.length


def ends_in_stop(chain: Chain, bases: RecordBases, table: int) -> bool:
    """Whether the last three bases of a chain are a stop codon."""
    last = []
    for base in chain.backwards():
        last.append(base)
        if len(last) == 3:
            break
    return bases.spelled(last[::-1]) in stop_codons(table)


def is_whole(chain: Chain, bases: RecordBases, table: int) -> bool:
    """Whether a chain is seen to begin with a start codon, to end with a stop codon, in one frame.

    Start codons that few genes have, in any code, are not among these: nobody looks for one.
    """
    first = bases.spelled(list(islice(chain.forwards(), 3)))
    return (
        first in _STARTS
        and chain.bases() % 3 == 0
        and chain.is_in_frame()
        and ends_in_stop(chain, bases, table)
    )


def bases_after(chain: Chain, exons: Iterable[Chain], count: int) -> list[tuple[int, int]]:
    """The next bases of a chain's transcript: along its exons where it has any, or else the strand.

    Args:
        exons: of the transcripts that the chain is part of; the first that holds its end counts.
    """
    last = chain.parts[-1]
    end = last.end - 1 if last.sign > 0 else last.start
    for transcript in exons:
        for index, part in enumerate(transcript.parts):
            if part.sign == last.sign and _holds(part.start, len(part), end, chain.length):
                rest = replace(transcript, parts=transcript.parts[index:])
                done = (end - part.start if part.sign > 0 else part.end - 1 - end) + 1
                if chain.length is not None:
                    done %= chain.length
                return list(islice(rest.forwards(), done, done + count))
    return [(end + last.sign * step, last.sign) for step in range(1, count + 1)]


def extended_over(chain: Chain, bases: Sequence[tuple[int, int]]) -> Chain:
    """A chain with more bases at its 3' end."""
    for base, _ in bases:
        last = chain.parts[-1]
        if chain.length is not None:  # the turn of the circle on which it follows
            ahead = base - last.end if last.sign > 0 else last.start - 1 - base
            ahead %= chain.length
            base = last.end + ahead if last.sign > 0 else last.start - 1 - ahead
        chain = chain.extended(base, base + 1, last.row)
    return chain


def stop_codons(table: int = _STANDARD) -> frozenset[str]:
    """Stop codons of one of NCBI's genetic codes; of the standard one where there is none such."""
    from Bio.Data import CodonTable  # takes as long as all the rest, and few commands need it

    found = CodonTable.unambiguous_dna_by_id.get(table) or CodonTable.unambiguous_dna_by_id[1]
    return frozenset(found.stop_codons)


def genetic_code(rows: Iterable[Row]) -> int:
    """The ``transl_table`` of a CDS."""
    for row in rows:
        if row.get("transl_table").isdecimal():
            return int(row.get("transl_table"))
    return _STANDARD


def marks_start(chain: Chain, lines: Iterable[Row]) -> bool:
    """Whether a start_codon line holds the first base of a chain."""
    base, sign = next(chain.forwards())
    return any(
        row.sign == sign and _holds(row.start, row.bases, base, chain.length) for row in lines
    )


def _holds(start: int, count: int, base: int, length: int | None) -> bool:
    """Whether a base is one of ``count`` from ``start`` on, round the circle where there is one."""
    ahead = base - start if length is None else (base - start) % length
    return 0 <= ahead < count


def distance_to_stop(chain: Chain, row: Row) -> int | None:
    """Bases from the 3' end of a chain to a stop_codon line, negative inside it.

    None where the line lies on another strand or before the chain's last part.
    """
    last = chain.parts[-1]
    if row.sign != last.sign:
        return None
    distance = row.start - last.end if last.sign > 0 else last.start - row.end
    if chain.length is not None:
        # The turn of the circle that brings the line nearest.
        turns = [distance + turn * chain.length for turn in (-1, 0, 1)]
        distance = min(turns, key=abs)
    return distance if distance >= -len(last) else None


def with_stop(chain: Chain, row: Row) -> Chain:
    """A chain with the bases of a stop_codon line, where it does not have them."""
    last = chain.parts[-1]
    distance = distance_to_stop(chain, row)
    if distance is None:
        return chain
    if last.sign > 0:
        start = last.end + distance
        return chain.extended(start, start + row.bases, row.index)
    end = last.start - distance
    return chain.extended(end - row.bases, end, row.index)
