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
from modalities.errors import InputError
from pipelines.formats.alleles import Variant
from pipelines.formats.indexed_vcf import has_index
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
    assert all(has_index(Path(name)) for name in ("v.vcf.gz", "v.bcf"))
    assert not has_index(Path("bare.vcf.gz"))
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
    assert not has_index(Path("v.vcf.gz"))
    assert len(named(source("v.vcf.gz", ("c", 0, 21)))) == 3


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
    assert Path("out.vcf").read_text().startswith("##fileformat=VCFv4.3\n")
