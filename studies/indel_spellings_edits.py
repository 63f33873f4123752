"""Random edits in repeats of a genome, and their spellings, for studies/indel_spellings.py.

All is done on letters; nothing here asks the code that places and scores variants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

UNITS = (1, 2, 3, 4, 5, 6, 7, 9, 12, 15, 18, 21, 24, 30)  # bases of the units of repeats
LONGEST = 30  # bases of an allele
_MOST_REPEATED = 300  # bases of a repeat
_PER_UNIT = 300  # repeats of a unit's length that are drawn from
_LETTERS = "ACGT"
_OTHER = str.maketrans("ACGT", "TGCA")

Letters = Mapping[str, str]
Places = dict[tuple[str, int], list[tuple[int, int]]]


@dataclass(frozen=True)
class Edit:
    """Letters of a record replaced, as far left as a repeat lets them be.

    Attributes:
        start: 0-based.
        right: how far right the same change can be made.
    """

    number: int
    record: str
    start: int
    ref: str
    alt: str
    right: int = 0

    @property
    def end(self) -> int:
        return self.start + len(self.ref)

    @property
    def kind(self) -> str:
        if not self.ref or not self.alt:
            return "deletion" if self.ref else "insertion"
        if len(self.ref) != len(self.alt):
            return "indel"
        return "SNV" if len(self.ref) == 1 else "MNV"


def edit_of(number: int, record: str, letters: str, start: int, end: int, alt: str) -> Edit | None:
    """The change of [start, end) to ``alt``, told as far left as it can be; None where none is."""
    ref = letters[start:end]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt, start = ref[1:], alt[1:], start + 1
    if ref == alt:
        return None
    if ref and alt:
        return Edit(number, record, start, ref, alt)
    own, right = ref or alt, 0
    while start and letters[start - 1] == own[-1]:
        own, start = own[-1] + own[:-1], start - 1
    after = start + len(ref)
    while after + right < len(letters) and letters[after + right] == own[right % len(own)]:
        right += 1
    return Edit(number, record, start, own if ref else "", own if alt else "", right)


def row(edit: Edit, letters: str, how: str, generator: np.random.Generator) -> str:
    """The edit as a row of VCF, whose ID ends in the number of its allele.

    Args:
        how: ``left`` or ``right``, with the base before it; or ``padded``, with up to 40 letters on
            both sides, in a row with another allele.
    """
    start, ref, alt = edit.start, edit.ref, edit.alt
    if how == "right":
        start, ref, alt = start + edit.right, _turned(ref, edit.right), _turned(alt, edit.right)
    before, after = (1, 0) if how != "padded" else generator.integers(0, 41, 2).tolist()
    before = min(before, start)
    if not before and not after and not (ref and alt):
        before, after = (1, 0) if start else (0, 1)
    end = start + len(ref)
    left, right = letters[start - before : start], letters[end : end + after]
    ref, alts = left + ref + right, [left + alt + right]
    if how == "padded":
        snv = str(generator.choice([x for x in _LETTERS if x != ref[0]])) + ref[1:]
        if snv not in alts:
            alts.insert(int(generator.integers(2)), snv)
    name = f"{edit.number}.{alts.index(left + alt + right)}"
    return "\t".join((edit.record, str(start - before + 1), name, ref, ",".join(alts), *"..."))


def _turned(own: str, shift: int) -> str:
    """An allele as it is told ``shift`` bases further right."""
    return own[shift % len(own) :] + own[: shift % len(own)] if own else ""


def repeats(letters: str, generator: np.random.Generator) -> Iterator[tuple[int, int, int]]:
    """Start, end and unit of homopolymers of 4 bases and more, and of tandem repeats."""
    tokens = np.frombuffer(letters.encode(), np.uint8)
    known = np.isin(tokens, np.frombuffer(_LETTERS.encode(), np.uint8))
    for unit in UNITS:
        if len(tokens) <= 2 * unit:
            continue
        same = (tokens[:-unit] == tokens[unit:]) & known[:-unit]
        edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
        runs = edges.reshape(-1, 2)
        long = (runs[:, 1] - runs[:, 0] >= max(unit, 3)) & (
            runs[:, 1] - runs[:, 0] <= _MOST_REPEATED
        )
        runs = runs[long]
        for start, end in runs[generator.permutation(len(runs))[:_PER_UNIT]].tolist():
            yield start, end + unit, unit


def draw(
    genome: Letters, count: int, apart: int, generator: np.random.Generator, first: int = 0
) -> list[Edit]:
    """Edits that are no SNV, ``apart`` bases or more from each other, in repeats but for a tenth.

    A tenth of them, as far as there is room, lie in the first or last ``apart`` bases of a record.
    """
    places = []
    for record, letters in genome.items():
        found = [(record, *own) for own in repeats(letters, generator)]
        length = len(letters)
        found += [
            (record, place, place + 20, 1)
            for place in generator.integers(0, max(1, length - 20), len(found) // 9 + 1).tolist()
        ]
        places += found
    order = generator.permutation(len(places)).tolist()
    ends = [i for i in order if _is_near_end(places[i], genome, apart)][: count // 10]
    kept: list[Edit] = []
    taken: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index in dict.fromkeys(ends + order):
        record, start, end, unit = places[index]
        if len(kept) == count:
            break
        if any(start - apart < b and a < end + apart for a, b in taken[record]):
            continue
        change = _change(genome[record], start, end, unit, generator)
        edit = change and edit_of(first + len(kept), record, genome[record], *change)
        if not edit or edit.kind == "SNV" or max(len(edit.ref), len(edit.alt)) > LONGEST:
            continue
        kept.append(edit)
        taken[record].append((min(start, edit.start), max(end, edit.end + edit.right)))
    return kept


def _is_near_end(place: tuple[str, int, int, int], genome: Letters, apart: int) -> bool:
    record, start, end, _ = place
    return start < apart // 4 or end > len(genome[record]) - apart // 4


def _change(
    letters: str, start: int, end: int, unit: int, generator: np.random.Generator
) -> tuple[int, int, str] | None:
    """A random change in a repeat: start and end of what is replaced, and by what."""
    kind = int(generator.integers(0, 6))
    place = start + unit * int(generator.integers(0, (end - start) // unit))
    copies = unit * int(generator.integers(1, LONGEST // unit + 1))
    size = int(generator.integers(1, LONGEST + 1))
    lost = {0: 0, 1: min(copies, end - place), 2: min(size, end - place), 3: 0}.get(
        kind, max(2, size)
    )
    if place + lost > len(letters) or set(letters[place : place + lost]) - set(_LETTERS):
        return None
    if kind in (1, 2):
        added = ""
    elif kind == 0:
        added = (letters[place : place + unit] * copies)[:copies]
    else:
        random = int(generator.integers(1, LONGEST + 1)) if kind == 5 else size
        added = "".join(generator.choice(list(_LETTERS), lost if kind == 4 else random))
    return place, place + lost, added


def edited(genome: Letters, edits: Sequence[Edit]) -> tuple[dict[str, str], list[Edit]]:
    """The genome with all edits, and the edits that undo them."""
    of_record: dict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        of_record[edit.record].append(edit)
    found, undone = {}, []
    for record, letters in genome.items():
        pieces, done, grown = [], 0, 0
        for edit in sorted(of_record[record], key=lambda edit: edit.start):
            pieces += [letters[done : edit.start], edit.alt]
            undone.append(
                Edit(edit.number, record, edit.start + grown, edit.alt, edit.ref, edit.right)
            )
            done, grown = edit.end, grown + len(edit.alt) - len(edit.ref)
        found[record] = "".join([*pieces, letters[done:]])
    return found, sorted(undone, key=lambda edit: edit.number)


def other_strand(genome: Letters, edits: Sequence[Edit]) -> tuple[dict[str, str], list[Edit]]:
    """Genome and edits as the other strand of the assembly has them."""
    turned = {record: letters[::-1].translate(_OTHER) for record, letters in genome.items()}
    found = []
    for edit in edits:
        start = len(genome[edit.record]) - edit.end
        alt = edit.alt[::-1].translate(_OTHER)
        own = edit_of(
            edit.number, edit.record, turned[edit.record], start, start + len(edit.ref), alt
        )
        assert own is not None
        found.append(own)
    return turned, found
