"""BCF, and variants of one region: with an index and without, the same rows."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from pathlib import Path

import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.results.read import read_result
from hnet_seq.results.scores import VariantScores
from hnet_seq.tasks.sequences.haplotypes import Haplotypes
from modalities import dna
from modalities.errors import InputError
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome
from pipelines.formats.indexed_vcf import index_of
from pipelines.formats.variant_source import VariantSource
from pipelines.formats.variants import read_variants, variant_form
from pipelines.formats.vcf import VcfLine

bcftools = pytest.importorskip("pysam.bcftools", reason="BCF needs pysam")

HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=c,length=900>\n##contig=<ID=d,length=900>\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="tiefe, gemessen">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
ROWS = [
    *(f"c\t{pos}\t.\tA\tC\t.\t.\tDP={pos}\n" for pos in (1, 20, 21, 40)),
    "c\t50\tdel\tACGTACGTAC\tA\t.\t.\tDP=5\n",
    "c\t70\tmany\tA\tC,<DEL>,*\t.\t.\tDP=5\n",
    "d\t20\t.\tA\tC\t.\t.\tDP=9\n",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("v.vcf").write_text(HEADER + "".join(ROWS))
    from pysam import tabix_index

    tabix_index("v.vcf", preset="vcf", keep_original=True)
    bcftools.view("-O", "b", "-o", "v.bcf", "v.vcf", catch_stdout=False)
    bcftools.index("v.bcf")
    return tmp_path


def source(name: str, region: tuple[str, int, int] | None = None) -> list[VcfLine]:
    form = variant_form(name)
    assert form is not None
    return list(VariantSource(Path(name), form, region=region, keep_content=True).lines())


def named(lines: list[VcfLine]) -> list[Variant]:
    return [
        Variant(own.chrom, own.pos, own.ref, own.alt, own.name)
        for line in lines
        for own in line.variants
    ]


def test_bcf_has_the_variants_of_its_vcf_whatever_it_is_called(folder: Path) -> None:
    shutil.copy("v.bcf", "renamed.vcf")
    Path("plain.tsv").write_bytes(gzip.decompress(Path("v.bcf").read_bytes()))
    for name in ("v.bcf", "renamed.vcf", "plain.tsv"):
        assert variant_form(name) == "vcf"
        assert named(source(name)) == named(source("v.vcf"))
        assert [own.alt for own in read_variants(name)][-4:] == ["C", "<DEL>", "*", "C"]
        text = b"".join(line.content for line in source(name))
        assert text.splitlines()[-len(ROWS) :] == [row.strip().encode() for row in ROWS]


@pytest.mark.parametrize(
    ("region", "positions"),
    [
        (("c", 19, 20), [20]),
        (("c", 0, 21), [1, 20, 21]),
        (("c", 58, 60), [50]),  # its last base
        (("c", 59, 60), []),
        (("c", 69, 900), [70]),
        (("d", 0, 900), [20]),
    ],
)
def test_a_region_has_its_rows_with_an_index_and_without(
    region: tuple[str, int, int], positions: list[int], folder: Path
) -> None:
    shutil.copy("v.vcf.gz", "bare.vcf.gz")
    shutil.copy("v.bcf", "bare.bcf")
    assert index_of(Path("v.vcf.gz")) == "v.vcf.gz.tbi"
    assert index_of(Path("v.bcf"), "BCF") == "v.bcf.csi"
    assert index_of(Path("bare.vcf.gz")) is None
    found = {name: source(name, region) for name in ("v.vcf", "v.vcf.gz", "bare.vcf.gz")}
    content = [[line.content for line in lines] for lines in found.values()]
    assert content == [content[0]] * 3
    assert content[0] == [
        *(line.encode() for line in HEADER.splitlines(keepends=True)),
        *(row.encode() for row in ROWS if row[0] == region[0] and int(row.split()[1]) in positions),
    ]
    for name in ("v.bcf", "bare.bcf"):
        assert named(source(name, region)) == named(found["v.vcf"])


def test_an_index_that_is_older_than_its_file_is_not_used(folder: Path) -> None:
    os.utime("v.vcf.gz.tbi", (1, 1))
    assert index_of(Path("v.vcf.gz")) is None
    assert len(named(source("v.vcf.gz", ("c", 0, 21)))) == 3


def test_of_two_indices_the_one_that_is_not_older_is_read(folder: Path) -> None:
    bcftools.index("v.vcf.gz")  # .csi
    for old, new in ((".tbi", ".csi"), (".csi", ".tbi")):
        kept = Path(f"v.vcf.gz{old}").read_bytes()
        Path(f"v.vcf.gz{old}").write_bytes(b"of another file")
        os.utime(f"v.vcf.gz{old}", (1, 1))
        os.utime(f"v.vcf.gz{new}")
        assert len(named(source("v.vcf.gz", ("c", 0, 21)))) == 3
        Path(f"v.vcf.gz{old}").write_bytes(kept)
    Path("v.vcf.gz.tbi").unlink()  # as `bcftools index` leaves it
    os.utime("v.vcf.gz.csi")
    assert len(named(source("v.vcf.gz", ("c", 0, 21)))) == 3


def test_calls_are_read_by_no_index_that_is_older(folder: Path) -> None:
    from pysam import tabix_index

    Path("g.fa").write_text(f">c\n{'A' * 90_000}\n>d\n{'A' * 900}\n")
    keys = '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n#CHROM'
    header = (
        HEADER.replace("#CHROM", keys)
        .replace("900", "90000")
        .replace("INFO\n", "INFO\tFORMAT\tS\n")
    )
    far, near = (f"c\t{pos}\t.\tA\tC\t.\t.\t.\tGT\t1|1\n" for pos in (80_000, 100))
    Path("calls.vcf").write_text(header + far)
    tabix_index("calls.vcf", preset="vcf", keep_original=True)
    kept = Path("calls.vcf.gz.tbi").read_bytes()
    Path("calls.vcf").write_text(header + near + far)
    tabix_index("calls.vcf", preset="vcf", keep_original=True, force=True)
    Path("calls.vcf.gz.tbi").write_bytes(kept)
    os.utime("calls.vcf.gz.tbi", (1, 1))
    found = Haplotypes("calls.vcf.gz", Genome("g.fa"), (), {"c": [(90, 110)]})
    (_, _, copy), _ = found.of("c")
    assert dna.decode(copy.fetch("c", 98, 101)) == "ACA"


def test_a_record_of_the_header_without_variants_has_none(folder: Path) -> None:
    Path("w.vcf").write_text(HEADER + ROWS[0])
    from pysam import tabix_index

    tabix_index("w.vcf", preset="vcf", keep_original=True)
    bcftools.view("-O", "b", "-o", "w.bcf", "w.vcf", catch_stdout=False)
    shutil.copy("w.bcf", "bare.bcf")
    bcftools.index("w.bcf")
    for name in ("w.vcf", "w.vcf.gz", "w.bcf", "bare.bcf"):
        assert named(source(name, ("d", 0, 9))) == []
        with pytest.raises(InputError, match=r"no variants of record 'e', but of c"):
            source(name, ("e", 0, 9))


def test_ends_of_lines_stay_by_an_index(folder: Path) -> None:
    Path("r.vcf").write_bytes((HEADER + "".join(ROWS)).replace("\n", "\r\n").encode())
    from pysam import tabix_index

    tabix_index("r.vcf", preset="vcf", keep_original=True)
    one, two = (source(name, ("c", 0, 21)) for name in ("r.vcf", "r.vcf.gz"))
    assert [line.content for line in one] == [line.content for line in two]


def test_a_record_of_which_the_file_has_nothing_is_named(folder: Path) -> None:
    Path("plain.vcf").write_text(HEADER + ROWS[0])
    Path("t.csv").write_text("chrom,pos,ref,alt\nc,5,A,C\n")
    for name in ("v.vcf.gz", "v.vcf", "t.csv", "plain.vcf"):
        with pytest.raises(InputError, match=r"region: has no variants of record 'chrc'"):
            source(name, ("chrc", 0, 9))
    found = [len(named(source("t.csv", ("c", start, start + 1)))) for start in (3, 4, 5)]
    assert found == [0, 1, 0]


def test_broken_bcf_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path("v.bcf").read_bytes()
    raw = gzip.decompress(whole)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for index, content in enumerate((whole[:-28], raw[:-5], raw[:30], bytes(flipped))):
        path = Path(f"{index}.bcf")
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"{path}: .*"):
            source(f"{path}")
    monkeypatch.setitem(sys.modules, "pysam", None)
    with pytest.raises(InputError, match=r"is BCF, .* 'hnet-seq\[variants\]' .*: bcftools view"):
        variant_form("v.bcf")


def test_score_of_a_region_of_bcf_writes_vcf(folder: Path, hnet: HNetForCausalLM) -> None:
    hnet.save_pretrained("run")
    Path("g.fa").write_text(f">c\n{'ACGTACGTACGTTTGACA' * 50}\n>d\n{'ACCA' * 225}\n")
    letters = "".join(Path("g.fa").read_text().split("\n")[1])
    pos = letters.index("A", 30) + 1
    Path("w.vcf").write_text(f"{HEADER}c\t{pos}\tx\tA\tC\t.\t.\tDP=3\nd\t1\ty\tA\tC\t.\t.\tDP=4\n")
    bcftools.view("-O", "b", "-o", "w.bcf", "w.vcf", catch_stdout=False)
    given = ["score", "variants", "run", "w.bcf", "--genome", "g.fa", "--window", "16"]
    assert main([*given, "--region", f"c:{pos}-{pos}", "--out", "out.vcf"]) == 0
    assert main([*given[:3], "w.vcf", *given[4:], "--out", "whole.vcf"]) == 0
    one, two = (
        [line for line in Path(name).read_text().splitlines() if line[0] != "#"]
        for name in ("out.vcf", "whole.vcf")
    )
    assert [line.partition(";HNET_LLR=")[0] for line in one] == [f"c\t{pos}\tx\tA\tC\t.\t.\tDP=3"]
    assert len(two) == 2
    about = [read_result(f"{name}.json", VariantScores) for name in ("out", "whole")]
    assert [own.region for own in about] == [f"c:{pos}-{pos}", None]
    assert f"region=c:{pos}-{pos}" in Path("out.vcf").read_text()
    assert Path("out.vcf").read_text().startswith("##fileformat=VCFv4.3\n")
