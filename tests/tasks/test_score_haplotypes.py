"""Variants on haplotypes: as on a genome that is the haplotype, and as on the genome itself."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.tasks.scoring.on_haplotypes import Context, OnHaplotypes
from hnet_seq.tasks.scoring.variant_score import Windows
from hnet_seq.tasks.scoring.variant_scores import place_all
from hnet_seq.tasks.scoring.variant_windows import place, windows
from modalities import dna
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome

bcftools = pytest.importorskip("pysam.bcftools", reason="haplotypes need pysam")

#        123456789012345678901234567890
SMALL = "ACGTTGCATCAGGGGGTACCATGACTTGCA"
HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=c>\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
)


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
        keys = "GT:PS" if ":" in genotypes[0] else "GT"
        lines.append("\t".join(["c", pos, ".", ref, alt, ".", ".", ".", keys, *genotypes]))
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
        if found.what == "overlap":
            refused += 1
            continue
        compared += 1
        assert found.what is None or letters(found) == expected
        assert found.what is not None or expected is None or found.neighbours == 0
    assert compared > 4 * refused


def compare(seed: int) -> list[tuple[Context, tuple[str, str] | str]]:
    """Each allele on each haplotype, beside its windows on what bcftools makes of the others."""
    from pysam import tabix_index

    generator, window = random.Random(seed), 24
    genome = "".join(generator.choices("ACGT", k=160))
    Path("g.fa").write_text(f">c\n{genome}\n")
    rows = random_rows(generator, genome)
    whole = calls(*rows)
    found: list[tuple[Context, tuple[str, str] | str]] = []
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
            there = place(Genome("h.fa"), at, window=window)
            if isinstance(there, str):
                found.append((own, there))
            else:
                one, two = map(dna.decode, windows(Genome("h.fa"), there))
                found.append((own, (one, two)))
    return found


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


def score(folder: Path, out: str, *words: str, variants: str = "v.vcf") -> None:
    given = ["score", str(folder / "run"), variants, "--genome", "g.fa", "--window", "16"]
    assert main([*given, "--out", out, *words]) == 0


@pytest.fixture
def scored(folder: Path, hnet: HNetForCausalLM) -> Path:
    """A model, a genome and its phased calls; variants are the same file."""
    hnet.save_pretrained(folder / "run")
    generator = random.Random(7)
    genome = "".join(generator.choices("ACGT", k=50))
    Path("g.fa").write_text(f">c\n{genome}\n")
    genotypes = ["0|1 1|1", "1|0 0|1", "0|0 1|0", "1|1 0|0", "0|1 0|1", "2|1 0|0"]
    alts = [[OTHER[genome[pos - 1]]] for pos in (9, 14, 16, 20, 27, 40)]
    alts[1] = [genome[13] + "CA"]
    alts[5].append(genome[39] + "T")
    rows = zip((9, 14, 16, 20, 27, 40), alts, genotypes, strict=True)
    calls(*(f"{p} {genome[p - 1]} {','.join(a)} {g}" for p, a, g in rows), samples="A B")
    text = "".join(
        "\t".join(line.split("\t")[:8]) + "\n"
        for line in Path("calls.vcf").read_text().splitlines()
        if "FORMAT=" not in line
    )
    Path("v.vcf").write_text(text)
    return folder


def test_rows_have_the_scores_of_their_windows_and_of_the_genome_to_the_last_bit(
    scored: Path, hnet: HNetForCausalLM
) -> None:
    score(scored, "plain.parquet")
    score(scored, "on.parquet", "--haplotypes", "calls.vcf", "--samples", "B")
    score(scored, "none.parquet", "--haplotypes", f"{calls(samples='B', name='n.vcf')}")
    plain = pq.read_table("plain.parquet").to_pylist()
    rows, none = (pq.read_table(f"{name}.parquet").to_pylist() for name in ("on", "none"))
    assert len(rows) == len(none) == 2 * len(plain)
    assert {(row["sample"], row["haplotype"]) for row in rows} == {("B", 1), ("B", 2)}
    for index, row in enumerate(rows):
        own = plain[index // 2]
        assert row["genome_llr"] == own["llr"]
        assert {name: none[index][name] for name in own} == own
        if row["neighbours"] == 0 and not row["skipped"]:
            assert row["llr"] == own["llr"]
    beside = [row for row in rows if row["neighbours"]]
    assert any(abs(row["llr"] - row["genome_llr"]) > 1e-4 for row in beside)
    assert all(np.isfinite(row["markov_llr"]) for row in rows if not row["skipped"])
    about = json.loads(Path("on.json").read_text())["haplotypes"]
    assert (about["file"], about["samples"], about["rows"]) == ("calls.vcf", 1, len(rows))
    assert about["with_neighbours"] == len(beside)
    assert about["carried"] == sum(row["carried"] == 1 and not row["skipped"] for row in rows)


def test_a_vcf_file_keeps_its_scores_and_gets_those_on_haplotypes(scored: Path) -> None:
    score(scored, "plain.vcf")
    score(scored, "on.vcf", "--haplotypes", "calls.vcf")
    score(scored, "on.tsv", "--haplotypes", "calls.vcf")
    plain, on = Path("plain.vcf").read_text(), Path("on.vcf").read_text()
    assert "##HNET_HAPLOTYPES=A|1,A|2,B|1,B|2\n" in on
    values: list[str] = []
    for one, two in zip(rows_of(plain), rows_of(on), strict=True):
        assert two.startswith(f"{one};HNET_HAP_LLR=")
        own = two.removeprefix(f"{one};HNET_HAP_LLR=").split(",")
        assert len(own) == 4 * (1 + one.split("\t")[4].count(","))
        values += own
    header, *table = (line.split("\t") for line in Path("on.tsv").read_text().splitlines())
    column = header.index("llr")
    assert values == [row[column] or "." for row in table]


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_killed_run_goes_on_to_the_same_bytes(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hnet_seq.tasks.scoring import on_haplotypes

    monkeypatch.setattr(on_haplotypes, "PART_TOKENS", 100)  # several batches in a part
    original, begun, last = on_haplotypes.score_windows, [], 1000

    def counted(*args, **how):
        begun.append(how["done"])
        if len(begun) == last:
            raise KeyboardInterrupt
        return original(*args, **how)

    monkeypatch.setattr(on_haplotypes, "score_windows", counted)
    score(scored, "whole.tsv", "--haplotypes", "calls.vcf")
    batches, last = len(begun), len(begun) + 3
    assert batches >= 4
    given = ["score", str(scored / "run"), "v.vcf", "--genome", "g.fa", "--window", "16"]
    words = [*given, "--out", "killed/whole.tsv", "--haplotypes", "calls.vcf"]
    assert main(words) == 130
    assert Path("killed/whole.tsv.ranks").is_dir()
    assert main(words) == 0
    assert len(begun) == last + batches - 2  # two are not computed again
    assert Path("killed/whole.tsv").read_bytes() == Path("whole.tsv").read_bytes()


def test_options_and_faults_are_told(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["score", str(scored / "run"), "v.vcf", "--genome", "g.fa"]
    assert main([*given, "--samples", "A"]) == 2
    assert "--samples: are those of haplotypes" in capsys.readouterr().err
    assert main([*given, "--haplotypes", "calls.vcf", "--samples", "Z"]) == 2
    assert "--samples: calls.vcf has no 'Z'" in capsys.readouterr().err
    assert main([*given, "--haplotypes", "none.vcf"]) == 1
    assert "none.vcf: no such file" in capsys.readouterr().err
