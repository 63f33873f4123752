"""Variants from VCF and tables: every allele in order, and what is wrong with a row by its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modalities.errors import InputError
from pipelines.variants import Variant, read_variants, read_vcf, variant_form

HEADER = "##fileformat=VCFv4.3\n##contig=<ID=c>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def vcf(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "v.vcf"
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def row(pos: str = "5", ref: str = "A", alt: str = "C", chrom: str = "c") -> str:
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t."


def test_each_alternative_is_a_variant_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = vcf(tmp_path, "c\t7\trs1\ta\tG,<DEL>,*,]c:9]A\t.\t.\tX=1", row("2", "AT", "."))
    assert list(read_variants(path)) == [
        *(Variant("c", 7, "A", alt, "rs1", 4) for alt in ("G", "<DEL>", "*", "]c:9]A")),
        Variant("c", 2, "AT", ".", ".", 5),
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_lines_of_a_vcf_come_back_byte_for_byte(
    tmp_path: Path, ends: str, compressed: bool
) -> None:
    content = (HEADER + row() + "\tGT\t0/1\n\n" + row("9")).replace("\n", ends).encode()
    path = tmp_path / "v.vcf.gz"
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert b"".join(line.content for line in read_vcf(path)) == content
    assert [variant.pos for variant in read_variants(path)] == [5, 9]


def test_tables_say_the_same_as_vcf(tmp_path: Path) -> None:
    expected = [("c", 5, "A", "C"), ("c", 5, "A", "GG"), ("d.1|x", 8, "TT", "T")]
    csv, tsv, parquet = (tmp_path / name for name in ("v.csv", "v.tsv.gz", "v.parquet"))
    csv.write_text('note,CHROM,pos,ref,alt\n"a, b",c,5,a,"C,gg"\n,d.1|x,8,TT,T\n')
    tsv.write_bytes(gzip.compress(b"#chrom\tpos\tref\talt\nc\t5\tA\tC,GG\nd.1|x\t8\tTT\tT\n"))
    rows = [{"chrom": c, "pos": p, "ref": r, "alt": a} for c, p, r, a in expected]
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    for path in (csv, tsv, parquet):
        found = [(v.chrom, v.pos, v.ref, v.alt) for v in read_variants(path)]
        assert found == expected, path.name


def test_what_holds_sequences_is_not_taken_for_variants(tmp_path: Path) -> None:
    for name, content in (
        ("s.fa", ">a\nACGT\n"),
        ("s.csv", "sequence,pos\nACGT,5\n"),
        ("s.bed", "chr1\t5\t10\n"),
    ):
        (tmp_path / name).write_text(content)
        assert variant_form(tmp_path / name) is None
    with pytest.raises(InputError, match="neither VCF nor a table with the columns chrom, pos"):
        list(read_variants(tmp_path / "s.fa"))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("x"), "line 4: position 'x' is no whole number"),
        (row("5.0"), "line 4: position '5.0' is no whole number"),
        (row("0"), "line 4: position '0' is no whole number of 1 or more"),
        (row("-3"), "line 4: position '-3'"),
        (row(ref="R"), "line 4: reference allele 'R' is not of the letters A, C, G, T, N"),
        (row(ref="."), "line 4: reference allele '.' is not of the letters"),
        (row(alt="AX"), "line 4: alternative allele 'AX' is not of the letters"),
        (row(alt="-"), "line 4: alternative allele '-' is empty; write insertions and deletions"),
        (row(alt="A,,T"), "line 4: alternative allele '' is empty"),
        (row(chrom=""), "line 4: has no chromosome"),
        ("c 5 . A C . . .", "line 4: has 1 tab-separated fields; a VCF line has 8"),
        ("c\t5\t.\tA\tC", "line 4: has 5 tab-separated fields"),
    ],
)
def test_a_bad_line_of_vcf_is_named(tmp_path: Path, bad: str, message: str) -> None:
    path = vcf(tmp_path, bad)
    with pytest.raises(InputError) as error:
        list(read_variants(path))
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is neither VCF nor a table"),
        (HEADER.encode(), "holds no variants, only a header"),
        (b"##fileformat=VCFv4.3\n", "has no line that begins with #CHROM"),
        (b"##fileformat=VCFv4.3\nc\t5\t.\tA\tC\t.\t.\t.\n", "line 2: expected the tab-separated"),
        (b"chrom,pos,ref\nc,5,A\n", "line 1: no column 'alt', but chrom, pos, ref"),
        (b"chrom,pos,ref,alt\nc,5,A\n", "line 2: 3 fields, but the header names 4"),
        (b"chrom,pos,ref,alt\nc,,A,C\n", "line 2: position '' is no whole number"),
        (b"chrom,pos,ref,alt\n", "holds no variants"),
        (HEADER.encode() + b"c\xff\t5\t.\tA\tC\t.\t.\t.\n", "line 4: is not UTF-8"),
        (b"PAR1 and no more", "is a damaged Parquet file"),
        (gzip.compress(HEADER.encode() + 400 * row().encode())[:-20], "truncated; fetch it again"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "v.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"v\.vcf") as error:
        list(read_variants(path))
    assert message in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.vcf: no such file"):
        list(read_variants(tmp_path / "absent.vcf"))
