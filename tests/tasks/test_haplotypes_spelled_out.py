"""Windows on haplotypes, against haplotypes that are written out letter by letter."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hnet_seq.tasks.scoring.on_haplotypes import OnHaplotypes
from hnet_seq.tasks.scoring.variant_scores import place_all
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome
from tests.tasks.test_haplotype_windows import OTHER, calls, of_genome, read

pytest.importorskip("pysam", reason="haplotypes need pysam")


@pytest.mark.parametrize("seed", range(12))
def test_windows_are_those_of_a_haplotype_that_is_spelled_out(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of several alleles with letters in common, and alleles of another file upon them."""
    monkeypatch.chdir(tmp_path)
    generator, window = random.Random(seed), 16
    genome = "".join(generator.choices("ACGT", k=60))
    Path("g.fa").write_text(f">c\n{genome}\n")
    rows = list(rows_of_several_alleles(generator, genome))
    asked = [
        Variant("c", pos, genome[pos - 1 : end], genome[pos - 1 : end][:kept] + made)
        for pos in generator.choices(range(1, 60), k=12)
        for end, kept, made in ((pos, 0, OTHER[genome[pos - 1]]), (pos, 1, "CA"), (pos + 1, 1, ""))
    ]
    opened = Genome("g.fa")
    placed = list(place_all(opened, asked, window=window, on_mismatch="error"))
    on = OnHaplotypes(calls(*rows), opened, (), placed, window)
    seen = 0
    for variant, row in zip(asked, placed, strict=True):
        itself = alone(genome, variant.pos, variant.ref, variant.alt)
        for own in on.contexts(row):
            spelled, taken = [cell for letter in f"{genome} " for cell in ("", letter)], set[int]()
            for pos, ref, alts, genotype in map(str.split, rows):
                alt = [ref, *alts.split(",")][int(genotype.split("|")[own.haplotype - 1])]
                if alone(genome, int(pos), ref, alt) != itself:
                    spell(spelled, taken, int(pos), ref, alt)
            before = "".join(spelled).strip()
            fits = spell(spelled, taken, variant.pos, variant.ref, variant.alt)
            if own.what == "overlap" or not fits:
                assert own.what == "overlap", (rows, variant, own.haplotype)
                continue
            Path("h.fa").write_text(f">c\n{before}\n")
            changed = Variant("c", 1, before, "".join(spelled).strip())
            assert read(own, row) == of_genome(Genome("h.fa"), changed, window), (rows, variant)
            seen += own.neighbours > 0
    assert seen > 5


def alone(genome: str, pos: int, ref: str, alt: str) -> str:
    return genome[: pos - 1] + alt + genome[pos - 1 + len(ref) :]


def spell(spelled: list[str], taken: set[int], pos: int, ref: str, alt: str) -> bool:
    """Write an allele into its cells, one a base and one between bases; whether it fits."""
    short, long = sorted((ref, alt), key=len)
    if ref[0] == alt[0] and short != long and long.endswith(short[1:]):  # as it is written
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    first, count = 2 * (pos - 1) + bool(ref), 2 * len(ref) - 1 if ref else 1 if alt else 0
    places = range(first, first + count)
    if taken.intersection(places):
        return False
    taken.update(places)
    spelled[first : first + count] = [alt, *[""] * (count - 1)] if count else []
    return True


def rows_of_several_alleles(generator: random.Random, genome: str) -> Iterator[str]:
    """Whose letters behind the change are those of their longest allele; to both ends."""
    place = 0
    while place < len(genome):
        ref = genome[place : place + generator.choice([1, 2, 4])]
        alts = {ref[0], ref[0] + "".join(generator.choices("ACGT", k=2)) + ref[1:]}
        alts |= {OTHER[ref[0]] + ref[1:], ref[-1]}
        wanted = sorted(alts - {ref})
        own = "|".join(f"{generator.choice([0, *range(len(wanted) + 1)])}" for _ in "12")
        yield f"{place + 1} {ref} {','.join(wanted)} {own}"
        place += len(ref) + generator.choice([1, 2, 5, 9])
