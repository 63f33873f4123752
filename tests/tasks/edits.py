"""Edits of sequences with repeats, every way to write them down, and their mirror images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modalities import dna
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome


@dataclass(frozen=True)
class Edit:
    """A record without and with a change."""

    name: str
    before: str
    after: str

    def spelled(self, left: int, right: int) -> Variant:
        """With so many letters of both ends left out of the alleles."""
        ref = self.before[left : len(self.before) - right]
        return Variant(self.name, left + 1, ref, self.after[left : len(self.after) - right])

    def spellings(self) -> list[Variant]:
        """Left-aligned with the base before, right-aligned, and padded; compared letter by letter.

        None of this asks the code that is tested: the ends that both records share say it all.
        """
        most = min(len(self.before), len(self.after)) - 1  # an allele has a letter
        at_left, at_right = _shared(self.before, self.after), _shared_end(self.before, self.after)
        b = min(at_right, most)
        a = min(at_left, most - b)
        c = min(at_left, most)
        d = min(at_right, most - c)
        return [
            self.spelled(a, b),
            self.spelled(c, d),
            self.spelled(max(0, a - 5), max(0, b - 3)),
        ]

    def inverse(self) -> Edit:
        """What undoes it."""
        return Edit(self.name, self.after, self.before)

    def mirrored(self) -> Edit:
        """The same on the other strand."""
        return Edit(self.name, _other_strand(self.before), _other_strand(self.after))


def _shared(one: str, two: str) -> int:
    length = min(len(one), len(two))
    return next((i for i in range(length) if one[i] != two[i]), length)


def _shared_end(one: str, two: str) -> int:
    return _shared(one[::-1], two[::-1])


def _other_strand(letters: str) -> str:
    return dna.decode(dna.reverse_complement(dna.encode(letters)))


def genome_of(edits: Sequence[Edit], path: Path) -> Genome:
    """Of the records before their edits."""
    path.write_text("".join(f">{edit.name}\n{edit.before}\n" for edit in edits))
    return Genome(path)


def made_up_edits(count: int, seed: int = 0) -> list[Edit]:
    """In runs, in repeats of units of 2 to 7 letters and elsewhere; at the ends of records too."""
    generator = np.random.default_rng(seed)
    edits: list[Edit] = []
    while len(edits) < count:
        unit = _letters(generator, int(generator.integers(1, 8)))
        flanks = [_letters(generator, int(generator.integers(0, 150))) for _ in range(2)]
        repeat = (unit * 40)[: int(generator.integers(1, 40))]
        if generator.random() < 0.2:
            flanks[0] = f"{flanks[0]}NN{_letters(generator, 3)}"
        record = flanks[0] + repeat + flanks[1]
        start = len(flanks[0]) + int(generator.integers(0, len(repeat)))
        edit = changed(f"r{len(edits)}", record, start, unit, generator)
        if edit is not None:
            edits.append(edit)
    return edits


def changed(
    name: str, record: str, start: int, unit: str, generator: np.random.Generator
) -> Edit | None:
    """A random edit there that is no SNV; None where it comes out as one, or as nothing."""
    kind = int(generator.integers(0, 5))
    deleted = min(len(unit) * int(generator.integers(1, 4)), len(record) - start)
    if kind in (0, 3):
        deleted = 0 if kind == 0 else int(generator.integers(2, 6))
    added = "" if kind == 1 else unit * int(generator.integers(1, 4))
    if kind >= 3:
        added = _letters(generator, deleted if kind == 3 else int(generator.integers(1, 9)))
    after = record[:start] + added + record[start + deleted :]
    edit = Edit(name, record, after)
    if len(record) < 40 or len(after) < 40 or after == record:
        return None
    variant = edit.spellings()[0]
    is_snv = len(record) == len(after) and sum(map(str.__ne__, record, after)) == 1
    too_long = max(len(variant.ref), len(variant.alt)) > min(len(record), len(after), 64) // 2
    unknown = "N" in record[start : start + deleted]
    return None if is_snv or too_long or unknown else edit


def _letters(generator: np.random.Generator, length: int) -> str:
    return "".join(generator.choice(list("ACGT"), length))
