"""Windows of variants on haplotypes are those of a genome that is the haplotype."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import TypeAlias

import pytest

from hnet_seq.tasks.scoring.on_haplotypes import Context, OnHaplotypes
from hnet_seq.tasks.scoring.variant_score import PlacedVariant, Windows
from hnet_seq.tasks.scoring.variant_scores import place_all
from hnet_seq.tasks.scoring.variant_windows import Placed, place, windows
from hnet_seq.tasks.sequences.haplotype import Haplotype, Unread
from hnet_seq.tasks.sequences.haplotypes import merged
from modalities import dna
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome

bcftools = pytest.importorskip("pysam.bcftools", reason="haplotypes need pysam")

#        123456789012345678901234567890
SMALL = "ACGTTGCATCAGGGGGTACCATGACTTGCA"
HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=c>\n"
    '##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
)


Read: TypeAlias = tuple[str, str] | str
"""Both windows, or why there are none."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(f">c\n{SMALL}\n")
    return tmp_path


def calls(*rows: str, samples: str = "S", name: str = "calls.vcf") -> Path:
    """Rows as ``POS REF ALT GT [GT ...]``."""
    lines = [HEADER + "\tFORMAT" + "".join(f"\t{own}" for own in samples.split())]
    for row in rows:
        pos, ref, alt, *genotypes = row.split()
        info = genotypes.pop() if "=" in genotypes[-1] else "."
        keys = "GT:PS" if ":" in genotypes[0] else "GT"
        lines.append("\t".join(["c", pos, ".", ref, alt, ".", ".", info, keys, *genotypes]))
    Path(name).write_text("\n".join(lines) + "\n")
    return Path(name)


def contexts(path: Path, variant: Variant, window: int = 16) -> list[Context]:
    genome = Genome("g.fa")
    (row,) = place_all(genome, [variant], window=window, on_mismatch="error")
    return list(OnHaplotypes(path, genome, (), [row], window).contexts(row))


def letters(own: Context) -> tuple[str, str] | str | None:
    if not isinstance(own.what, Windows):
        return own.what
    return dna.decode(own.what.reference), dna.decode(own.what.changed)


SNV = Variant("c", 15, "G", "A")
DELETED = Variant("c", 12, "GG", "G")  # of GGGGG at 12 to 16


def test_both_windows_have_the_neighbours_and_the_own_site_is_the_references(folder: Path) -> None:
    first, second = contexts(calls("12 G T 1|0", "15 G A 0|1", "18 A AC 0|1"), SNV)
    assert letters(first) == ("CATCATGGGGTACCAT", "CATCATGGAGTACCAT")
    assert letters(second) == ("CATCAGGGGGTACCCA", "CATCAGGGAGTACCCA")
    assert (first.carried, second.carried) == (False, True)
    assert (first.neighbours, second.neighbours) == (1, 1)


def test_without_neighbours_a_haplotype_is_the_genome(folder: Path) -> None:
    for path in (calls(), calls("15 G A 0|1"), calls("15 G A ./.")):
        assert [letters(own) for own in contexts(path, SNV)] == [None, None]
    assert [own.carried for own in contexts(calls("15 G A .|0"), SNV)] == [None, False]
    assert [own.missing for own in contexts(calls("16 G A .|0"), SNV)] == [1, 0]
    assert [own.neighbours for own in contexts(calls("30 A C 1|1"), SNV)] == [0, 0]


@pytest.mark.parametrize(
    ("row", "variant", "why"),
    [
        ("15 G C 1|0", SNV, "overlap"),  # another allele of the base
        ("13 GGGG G 1|0", SNV, "overlap"),
        ("13 GG G 1|0", SNV, ("GCATCAGGGGTACCAT", "GCATCAGGAGTACCAT")),  # as written, before it
        ("11 AG A 1|0", DELETED, None),  # the same edit, written on the other side
        ("16 GT G 1|0", DELETED, ("GCATCAGGGGGACCATG", "GCATCAGGGGACCATG")),
        ("14 G C 1|0", DELETED, "overlap"),  # whose places are two edits here
        ("16 G GG 1|0", Variant("c", 11, "A", "AG"), None),
        ("16 G GC 1|0", Variant("c", 11, "A", "AG"), "overlap"),  # which comes first?
        ("11 A C 1|0", Variant("c", 12, "G", "GT"), ("TGCATCCGGGGGTACC", "TGCATCCGTGGGGTACC")),
        ("15 GG GA 1|0", SNV, ("CATCAGGGGATACCAT", "CATCAGGGAATACCAT")),  # padded
        ("2 CGTT C 1|0", SNV, None),  # too far to be read
    ],
)
def test_what_lies_over_a_variant_is_refused_and_what_lies_beside_it_is_read(
    row: str, variant: Variant, why: object, folder: Path
) -> None:
    first, second = contexts(calls(row), variant)
    assert letters(first) == why
    assert letters(second) is None


def test_a_phase_that_is_not_known_is_counted(folder: Path) -> None:
    def unphased(*rows: str) -> list[int]:
        return [own.unphased for own in contexts(calls(*rows), SNV)]

    assert unphased("12 G T 0|1", "15 G A 0|1", "18 A C 0|1") == [0, 0]
    assert unphased("12 G T 0/1", "18 A C 0|1") == [0, 2]  # nothing says what lies with what
    assert unphased("12 G T 0|1", "15 G A 0/1") == [0, 1]
    assert unphased("12 G T 1/1", "15 G A 0/1") == [0, 0]
    assert unphased("12 G T 0|1:4", "15 G A 0|1:9", "18 A C 0|1:9") == [0, 1]
    assert unphased("12 G T 0|1:4", "15 G A 1|0:9", "18 A C 0|1:4") == [0, 0]


def test_as_many_haplotypes_as_the_records_genotypes_have(folder: Path) -> None:
    path = calls("12 G T 1 0|0|1", samples="A B")
    assert [(own.sample, own.haplotype, own.neighbours) for own in contexts(path, SNV)] == [
        ("A", 1, 1),
        ("B", 1, 0),
        ("B", 2, 0),
        ("B", 3, 1),
    ]


def test_a_somatic_file_without_genotypes_is_the_genome(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = calls("12 G T 1|0")
    path.write_text(path.read_text().replace("GT\t1|0", "AD\t3,4"))
    genome = Genome("g.fa")
    (row,) = place_all(genome, [SNV], window=16, on_mismatch="error")
    on = OnHaplotypes(path, genome, (), [row], 16)
    on.haplotypes.tell()
    assert "note: calls.vcf: 1 without a genotype (no GT" in capsys.readouterr().err
    assert [(own.what, own.missing) for own in on.contexts(row)] == [(None, 1)] * 2


@pytest.mark.parametrize("seed", range(4))
def test_windows_are_those_of_a_genome_that_is_the_consensus_of_the_other_rows(
    seed: int, folder: Path
) -> None:
    compared = refused = 0
    for found, expected in compare(seed):
        if found == "overlap":
            refused += 1
            continue
        compared += 1
        assert found == expected
    assert compared > 4 * refused


def compare(seed: int) -> list[tuple[Read, Read]]:
    """Each allele on each haplotype, beside its windows on what bcftools makes of the others."""
    from pysam import tabix_index

    generator, window = random.Random(seed), 24
    genome = "".join(generator.choices("ACGT", k=160))
    Path("g.fa").write_text(f">c\n{genome}\n")
    rows = random_rows(generator, genome)
    whole = calls(*rows)
    found: list[tuple[Read, Read]] = []
    variants = [
        (index, Variant("c", int(row.split()[0]), row.split()[1], alt))
        for index, row in enumerate(rows)
        for alt in row.split()[2].split(",")
    ]
    opened = Genome("g.fa")
    placed = list(
        place_all(opened, (own for _, own in variants), window=window, on_mismatch="error")
    )
    on = OnHaplotypes(whole, opened, (), placed, window)
    for (index, variant), row in zip(variants, placed, strict=True):
        others = calls(*rows[:index], *rows[index + 1 :], name="others.vcf")
        tabix_index(str(others), preset="vcf", force=True)
        for own in on.contexts(row):
            options = ("-H", f"{own.haplotype}", "-f", "g.fa", "others.vcf.gz")
            said = bcftools.consensus(*options, catch_stdout=True)
            Path("h.fa").write_text(said)
            moved = sum(gained(other, own.haplotype) for other in rows[:index])
            at = Variant("c", variant.pos + moved, variant.ref, variant.alt)
            found.append((read(own, row), of_genome(Genome("h.fa"), at, window)))
    return found


def of_genome(genome: Genome, variant: Variant, window: int) -> Read:
    there = place(genome, variant, window=window)
    if isinstance(there, str):
        return there
    one, two = map(dna.decode, windows(genome, there))
    return one, two


def read(own: Context, row: PlacedVariant) -> Read:
    """What is read of a haplotype, which may be the genome."""
    found = letters(own)
    if found is not None:
        return found
    assert isinstance(row.placed, Placed)
    one, two = map(dna.decode, windows(Genome("g.fa"), row.placed))
    return one, two


CALLED = [
    # rows, variant, what haplotype 1 and 2 carry
    (("15 G A 1|0", "16 G T .|0"), SNV, [True, False]),  # the next base says nothing of it
    (("14 GGG G .|.", "15 G A 1|0"), SNV, [True, False]),
    (("5 T <DEL> .|. END=25", "15 G A 1|0"), SNV, [True, False]),
    (("18 A AC ./.",), Variant("c", 18, "A", "AC"), [None, None]),
    (("18 A AC 1|0", "19 C T .|."), Variant("c", 18, "A", "AC"), [True, False]),
    (("16 GG G .|0",), DELETED, [None, False]),  # written on the other side
    (("15 G C .|0",), SNV, [None, False]),  # another allele of its base, which is not known
    (("11 A . .|0",), Variant("c", 11, "A", "C"), [None, False]),
    (("5 T <NON_REF> .|0 END=25",), SNV, [None, False]),
]


@pytest.mark.parametrize(("rows", "variant", "carried"), CALLED)
def test_what_is_carried_is_told_by_the_genotypes_of_the_very_place(
    rows: tuple[str, ...], variant: Variant, carried: list[bool | None], folder: Path
) -> None:
    assert [own.carried for own in contexts(calls(*rows), variant)] == carried


def test_a_deletion_of_a_records_first_or_last_bases_is_read(folder: Path) -> None:
    end, whole = contexts(calls("25 CTTGCA C 1|0"), Variant("c", 22, "T", "G"))
    assert (end.neighbours, letters(end)) == (1, ("CAGGGGGTACCATGAC", "CAGGGGGTACCAGGAC"))
    assert letters(whole) is None
    start, whole = contexts(calls("1 ACGTT T 1|0"), Variant("c", 8, "A", "C"))
    assert (start.neighbours, letters(start)) == (1, ("TGCATCAGGGGGTACC", "TGCCTCAGGGGGTACC"))
    assert letters(whole) is None


def test_windows_go_on_beyond_long_deletions(folder: Path) -> None:
    genome = list("ACTC" * 400)
    genome[300] = "G"
    Path("g.fa").write_text(f">c\n{''.join(genome)}\n")
    deleted = "".join(genome[303:703])
    path = calls(f"304 {deleted} {deleted[0]} 1|0", f"706 {genome[705]} G 1|0")
    first, second = contexts(path, Variant("c", 301, "G", "T"))
    assert (first.neighbours, second.neighbours) == (2, 0)
    spelled = "".join([*genome[292:304], *genome[703:705], "G", *genome[706:]])
    assert letters(first) == (spelled[:16], f"{spelled[:8]}T{spelled[9:16]}")
    assert isinstance(first.what, Windows)
    # Words of the genome here, the deleted ones with them.
    assert len(first.what.counted) == 16 + 399


def test_places_are_merged_without_holding_them_all() -> None:
    tracemalloc.start()
    found = merged((f"c{own % 2}", own, own + 9) for own in range(60_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == {"c0": [(0, 60_007)], "c1": [(1, 60_008)]}
    assert peak < 2 << 20


def test_unknown_genotypes_are_counted_as_they_lie(folder: Path) -> None:
    copy = Haplotype(Genome("g.fa"))
    spans = [(own, own + 1 + own % 7) for own in range(300)]
    for start, end in spans:
        copy.miss("c", Unread(start, end, "A", ()))
    for start in range(0, 290, 13):
        expected = sum(a < start + 9 and start < b for a, b in spans)
        assert copy.unknown("c", start, start + 9) == expected


def gained(row: str, haplotype: int) -> int:
    _, ref, alts, genotype = row.split()
    index = int(genotype.split("|")[haplotype - 1])
    return len([ref, *alts.split(",")][index]) - len(ref)


def random_rows(generator: random.Random, genome: str) -> list[str]:
    """That do not lie over each other, near enough to stand in each other's windows."""
    rows, place = [], 0
    while (place := place + generator.choice([0, 1, 4, 12])) < len(genome) - 6:
        ref = genome[place : place + generator.choice([1, 1, 1, 2, 5])]
        made = "".join(generator.choices("ACGT", k=generator.randint(1, 3)))
        kinds = [OTHER[ref[0]] + ref[1:], ref[0] + made + ref[1:], ref[0]]
        alts = [alt for alt in generator.sample(kinds, 3) if alt != ref][:1]
        own = "|".join(f"{generator.randint(0, len(alts))}" for _ in "12")
        rows.append(f"{place + 1} {ref} {','.join(alts)} {own}")
        place += len(ref)
    return rows


OTHER = dict(zip("ACGT", "GTAC", strict=True))
