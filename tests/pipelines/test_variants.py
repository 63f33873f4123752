"""Variants from VCF and tables: every allele in order, and what is wrong with a row by its line."""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modalities.errors import InputError
from pipelines.formats.alleles import without_letters
from pipelines.formats.variant_source import VariantSource
from pipelines.formats.variants import Variant, read_variants, variant_form
from pipelines.formats.vcf import read_vcf
from pipelines.storage.files import DiskError
from tests.full_disk import entries, files_of_at_most

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
        (row("-3"), "line 4: position '-3'"),
        (row(ref="AE"), "line 4: reference allele 'AE' is not of the letters A, C, G, T, N"),
        (row(ref="-"), "line 4: reference allele '-' is empty; write insertions"),
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
    good = row("9")
    vcf(tmp_path, bad, good)
    found = list(read_variants(path, keep_faults=True))
    assert found[-1] == Variant("c", 9, "A", "C", ".", 5)
    assert [variant.fault for variant in found if variant.fault] == [message_of(error.value)]


def message_of(error: InputError) -> str:
    said, remedy, rest = str(error).split(": line 4: ")[1].partition(" (`keep_faults`")
    assert (remedy, rest) == (" (`keep_faults`", " keeps such rows)")
    return said


@pytest.mark.parametrize(
    ("alt", "why"),
    [
        *((alt, None) for alt in ("A", "acgtn", "M", "RY", "U")),
        *((alt, "symbolic") for alt in ("<X>", "<INS:ME>", "X", "x", "I", "IAC", "D12", "DEL")),
        *((alt, "symbolic") for alt in ("dup:tandem", "INS", "?")),
        *((alt, "breakend") for alt in ("A[c:5[", "]c:5]A", ".A", "A.")),
        ("*", "overlapping_deletion"),
        (".", "no_alternative"),
    ],
)
def test_an_allele_that_says_no_letters_is_told_by_its_kind(alt: str, why: str | None) -> None:
    assert without_letters(alt) == why


def test_telomeres_and_alleles_without_letters_are_read(tmp_path: Path) -> None:
    rows = [row("0", "N", "<DEL>"), row("2001", "N", "]c:1]N"), row(ref="*"), row(ref="m", alt="X")]
    found = list(read_variants(vcf(tmp_path, *rows)))
    assert [(own.pos, own.ref, own.alt) for own in found] == [
        (0, "N", "<DEL>"),
        (2001, "N", "]c:1]N"),
        (5, "*", "C"),
        (5, "M", "X"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "##source=x\n" + HEADER,
        HEADER.replace("INFO\n", "INFO \n"),
        HEADER.replace("INFO\n", "INFO\t\n"),
        HEADER.replace("\tREF", " \tREF"),
        "\ufeff" + HEADER,
        "\n" + HEADER.replace("#CHROM", "\n #CHROM"),
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n",
        HEADER.replace("##contig", "##long=" + 70_000 * "x" + "\n##contig"),
    ],
)
def test_what_means_nothing_in_a_header_does_no_harm(tmp_path: Path, header: str) -> None:
    path = vcf(tmp_path, row("7"), header=header)
    assert variant_form(path) == "vcf"
    assert [variant.pos for variant in read_variants(path)] == [7]
    assert [line.names_columns for line in read_vcf(path)].count(True) == 1


def test_a_header_of_other_columns_is_shown_as_it_is(tmp_path: Path) -> None:
    path = vcf(tmp_path, header=HEADER.replace("\tINFO", "  INFO"))
    with pytest.raises(InputError, match=r"found '#CHROM.+FILTER  INFO'"):
        list(read_variants(path))


def test_a_file_with_a_header_and_no_rows_has_no_variants(tmp_path: Path) -> None:
    assert list(read_variants(vcf(tmp_path))) == []
    table = tmp_path / "v.csv"
    table.write_text("chrom,pos,ref,alt\n")
    assert list(read_variants(table)) == []


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_bcf_is_named_with_what_converts_it_where_there_is_no_pysam(
    tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "v.vcf.gz"
    path.write_bytes(pack(b"BCF\x02\x02" + bytes(40)))
    monkeypatch.setitem(sys.modules, "pysam", None)
    with pytest.raises(InputError, match=r"is BCF, .*: bcftools view"):
        variant_form(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is neither VCF nor a table"),
        (b"##fileformat=VCFv4.3\n", "has no line that begins with #CHROM"),
        (b"##fileformat=VCFv4.3\nc\t5\t.\tA\tC\t.\t.\t.\n", "line 2: expected the tab-separated"),
        (b"chrom,pos,ref\nc,5,A\n", "line 1: no column 'alt', but chrom, pos, ref"),
        (b"chrom,pos,ref,alt\nc,5,A\n", "line 2: 3 fields, but the header names 4"),
        (b"chrom,pos,ref,alt\nc,,A,C\n", "line 2: position '' is no whole number"),
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


@pytest.mark.parametrize("keep_content", [True, False])
def test_what_was_read_once_is_there_again_without_the_file(
    tmp_path: Path, keep_content: bool
) -> None:
    path = vcf(tmp_path, "c\t5\tx\tA\tC,<DEL>\t.\t.\tAC=1\u00e9", "c\t9\t.\tG\tT\t.\t.\t.")
    content = path.read_bytes()
    looked_at: list[int] = []
    source = VariantSource(
        path, "vcf", keep_content=keep_content, check=lambda line: looked_at.append(line.line)
    )
    assert next(source.lines()).content  # begun, and begun again
    first = list(source.variants())
    path.unlink()
    assert list(source.variants()) == first == list(source.variants())
    assert [own.where for own in source.variants()] == [own.where for own in first]
    assert [own.path for own in source.variants()] == [path] * 3
    again = b"".join(line.content for line in source.lines())
    assert again == (content if keep_content else b"")
    both = zip(source.lines(), source.lines(), strict=True)
    assert all(one.line == other.line for one, other in both)
    assert looked_at == [1, *range(1, content.count(b"\n") + 1)]
    path.write_bytes(content.replace(b"\tA\t", b"\tG\t"))
    other = VariantSource(path, "vcf")
    assert len(list(other.variants())) == 3
    assert other.digest != source.digest


@pytest.mark.parametrize("limit", [0, 20, 60])
def test_where_no_copy_fits_the_folder_of_temporary_files_is_named(
    tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", f"{tmp_path}")
    source = VariantSource(vcf(tmp_path, "c\t5\tx\tA\tC\t.\t.\t."), "vcf")
    with files_of_at_most(limit):
        for _ in range(2):
            with pytest.raises(DiskError, match="File too large") as caught:
                list(source.variants())
            assert caught.value.filename == f"{tmp_path}"
        del source  # and is quiet about it
    assert entries(tmp_path) == ["v.vcf"]


@pytest.mark.parametrize(
    ("first", "form"),
    [
        ("c\t0\t12\tgyrA\t.\t+\t0\t12", None),
        ("c\t0\t12\tcat\t.\t.\t0\t12\t0", None),
        ("c\t0\t12\tras\t.\t-\tRefSeq\tCDS\t.\tID=ras", None),
        ("c\t0\t12\tpos\t0\t+", None),
        ("c 0 12 alt", None),
        ("1\t925952\t1019397\tG\tA\t.\t.\tALLELEID=1003021", "vcf"),
        ("1\t925952\t1019397\tG\t.\t.\t.\tALLELEID=1003021", "vcf"),
        ("c\t5\trs1\tA\tC\t50\tPASS\t.", "vcf"),
        ("c\t5\t3\tA\t.\t.\t.\t.", "vcf"),
    ],
)
def test_bed_whose_names_spell_alleles_is_no_vcf(
    first: str, form: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_text(f"{first}\n")
    assert variant_form(path) == form
