"""Sequences at places of phased genomes, against those of bcftools."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from hnet_seq.tasks.sequences.inputs import open_sequences, read_sequences
from hnet_seq.tasks.sequences.reading import Reading
from modalities import dna
from modalities.errors import InputError, UsageError

bcftools = pytest.importorskip("pysam.bcftools", reason="haplotypes need pysam")
GENOME = "ACGTTGCAAC"
Row = tuple[int, str, str, str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(f">c\n{GENOME}\n")
    Path("w.bed").write_text("c\t0\t10\tw\n")
    return tmp_path


def calls(rows: list[Row], samples: tuple[str, ...] = ("S",), record: str = "c") -> Path:
    path = Path("calls.vcf")
    header = (
        f"##fileformat=VCFv4.3\n##contig=<ID={record}>\n##ALT=<ID=DEL,Description=x>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    )
    names = "".join(f"\t{name}" for name in ("FORMAT", *samples) if samples)
    lines = [
        f"{record}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." + (f"\tGT\t{own}" if own else "")
        for pos, ref, alt, own in rows
    ]
    path.write_text("\n".join([header + names, *lines]) + "\n")
    return path


def interleaved() -> Path:
    path = calls([(3, "G", "A", "0|1"), (4, "T", "A", "0|1"), (5, "T", "A", "0|1")])
    path.write_text(path.read_text().replace("c\t4", "d\t4"))
    return path


def read(path: Path, bed: str = "w.bed", samples: tuple[str, ...] = ()) -> dict[str, str]:
    found = read_sequences(bed, genome="g.fa", haplotypes=path, samples=samples)
    return {name: dna.decode(tokens) for name, tokens in found}


@pytest.mark.parametrize(
    ("rows", "first", "second"),
    [
        ([(3, "G", "A", "0|1")], "ACGTTGCAAC", "ACATTGCAAC"),
        ([(3, "G", "GAA", "1|0"), (5, "TGC", "T", "0|1")], "ACGAATTGCAAC", "ACGTTAAC"),
        ([(1, "A", "TA", "1|1")], "TACGTTGCAAC", "TACGTTGCAAC"),
        ([(10, "C", "CGG", "0|1")], "ACGTTGCAAC", "ACGTTGCAACGG"),
        ([(3, "G", "A,C", "2|1")], "ACCTTGCAAC", "ACATTGCAAC"),
        # One base has a letter of its own, and letters behind it.
        ([(3, "G", "A", "1|1"), (3, "G", "GTT", "1|0")], "ACATTTTGCAAC", "ACATTGCAAC"),
        # The first of two that lie over each other stands.
        ([(3, "GTT", "G", "1|1"), (4, "T", "A", "1|1")], "ACGGCAAC", "ACGGCAAC"),
        ([(3, "G", "*,A", "1|2")], "ACGTTGCAAC", "ACATTGCAAC"),
        ([(3, "G", "<DEL>,A", "1|2")], "ACGTTGCAAC", "ACATTGCAAC"),
        ([(3, "G", "A", ".|1")], "ACGTTGCAAC", "ACATTGCAAC"),
        ([(3, "G", "A", "0/1")], "ACGTTGCAAC", "ACATTGCAAC"),
        ([], "ACGTTGCAAC", "ACGTTGCAAC"),
    ],
)
def test_each_haplotype_has_its_alleles(
    rows: list[Row], first: str, second: str, folder: Path
) -> None:
    assert read(calls(rows)) == {"w|S|1": first, "w|S|2": second}


def test_as_many_haplotypes_as_genotypes_have(folder: Path) -> None:
    path = calls([(3, "G", "A", "1")])
    assert read(path) == {"w|S|1": "ACATTGCAAC"}
    path = calls([(3, "G", "A", "0|1|1")])
    assert [letters[2] for letters in read(path).values()] == list("GAA")


def test_samples_are_chosen_and_strands_respected(folder: Path) -> None:
    Path("w.bed").write_text("c\t2\t6\tr\t0\t-\nc\t2\t6\tf\t0\t+\n")
    path = calls([(3, "G", "A", "0|1\t0|0\t1|1")], ("A", "B", "C"))
    assert list(read(path)) == [f"{r}|{s}|{n}" for r in "rf" for s in "ABC" for n in (1, 2)]
    found = read(path, samples=("C", "A"))
    assert found == {
        **{"r|C|1": "CAAT", "r|C|2": "CAAT", "r|A|1": "CAAC", "r|A|2": "CAAT"},
        **{"f|C|1": "ATTG", "f|C|2": "ATTG", "f|A|1": "GTTG", "f|A|2": "ATTG"},
    }
    for names, words in (("A", "D"), "no 'D' among A, B, C"), (("A", "A"), "a sample twice"):
        with pytest.raises(UsageError, match=f"samples: .*{words}"):
            read(path, samples=names)


def test_names_of_samples_are_taken_as_they_are(folder: Path) -> None:
    path = calls([(3, "G", "A", "0|1")], ("A,B",))
    assert list(read(path)) == ["w|A,B|1", "w|A,B|2"]
    path = calls([(3, "G", "A", "0|1\t1|1")], ("A,B", "C"))
    for chosen in ("A,B", "C"):
        one = read_sequences("w.bed", genome="g.fa", haplotypes=path, samples=chosen)
        assert [name for name, _ in one] == [f"w|{chosen}|1", f"w|{chosen}|2"]
    path = calls([(3, "G", "A", "0|1\t1|1")], ("NA1", "NA2"))
    one = read_sequences("w.bed", genome="g.fa", haplotypes=path, samples="NA2")
    assert [name for name, _ in one] == ["w|NA2|1", "w|NA2|2"]


def test_a_lost_window_is_left_out(folder: Path) -> None:
    Path("w.bed").write_text("c\t3\t5\tw\nc\t5\t6\tv\n")
    assert list(read(calls([(3, "GTT", "G", "0|1")]))) == ["w|S|1", "v|S|1", "v|S|2"]


def test_what_is_not_taken_as_it_stands_is_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        (1, "A", "C", "0/1"),
        (3, "G", "<DEL>", "0|1"),
        (5, "T", "A", ".|."),
        (6, "G", "A", "1"),
    ]
    read(calls(rows))
    said = capsys.readouterr().err
    for words in ("1 of heterozygous", "2 of missing", "1 of haploid", "1 without letters"):
        assert f"note: calls.vcf: {words}" in said
    assert "over another" not in said


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (lambda: calls([(3, "C", "A", "0|1")]), "calls.vcf: c:3: the reference allele is C, and"),
        (lambda: calls([(5, "T", "A", "0|1"), (3, "G", "A", "0|1")]), "c:3: positions are out of"),
        (interleaved, "calls.vcf: c:5: positions are out of"),
        (lambda: calls([(3, "G", "A", "")], samples=()), "has no genotypes"),
        (lambda: calls([(3, "G", "A", "0|1")], record="d"), "is of records d, and g.fa of c"),
        (lambda: Path("g.fa"), "g.fa: cannot be read as VCF or BCF"),
        (lambda: Path("none.vcf"), "none.vcf: cannot be read as VCF or BCF"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, path, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(path())


def test_options_that_do_not_go_together(folder: Path) -> None:
    path = calls([])
    with pytest.raises(UsageError, match=r"haplotypes: is for BED, and g\.fa is FASTA"):
        open_sequences("g.fa", Reading(haplotypes=path))
    with pytest.raises(UsageError, match="samples: are those of haplotypes"):
        open_sequences("w.bed", Reading("g.fa", samples=("S",)))


@pytest.mark.parametrize("seed", range(12))
def test_windows_join_to_the_consensus_of_bcftools(seed: int, folder: Path) -> None:
    """Alleles that touch, and with odd seeds lie over each other; with an index and without."""
    generator = random.Random(seed)
    genome = "".join(generator.choices("ACGT", k=200))
    Path("g.fa").write_text(f">c\n{genome}\n")
    path = calls(_random_rows(generator, genome, over=seed % 2 == 1), ("A", "B"))
    cuts = [0, *sorted(generator.sample(range(1, 200), 8)), 200]
    windows = [f"c\t{start}\t{end}\t{start}\n" for start, end in pairwise(cuts)]
    Path("w.bed").write_text("".join(windows))
    from pysam import tabix_index

    tabix_index(str(path), preset="vcf", keep_original=True)
    for calls_path in (path, Path(f"{path}.gz")):
        found = read(calls_path)
        for sample in "AB":
            for number in "12":
                options = ("-H", number, "-s", sample, "-f", "g.fa", f"{path}.gz")
                said = bcftools.consensus(*options, catch_stdout=True)
                parts = [found.get(f"{start}|{sample}|{number}", "") for start in cuts[:-1]]
                assert "".join(parts) == "".join(said.splitlines()[1:])


def _random_rows(generator: random.Random, genome: str, *, over: bool) -> list[Row]:
    rows: list[Row] = []
    place = 0
    while (place := place + generator.choice([0, 0, 1, 3] if over else [0, 1, 10])) < len(genome):
        letters = genome[place : place + generator.choice([1, 1, 1, 2, 5])]
        made = "".join(generator.choices("ACGT", k=generator.randint(1, 4)))
        kinds = [made, letters[0] + made, letters[0]]
        alts = [alt for alt in dict.fromkeys(generator.sample(kinds, 2)) if alt != letters]
        own = [generator.choice(["0", "0", f"{generator.randint(0, len(alts))}"]) for _ in range(4)]
        genotypes = f"{own[0]}|{own[1]}\t{own[2]}/{own[3]}"
        rows.append((place + 1, letters, ",".join(alts), genotypes))
        place += 0 if over else len(letters)
    return rows
