"""Variants of a genome from VCF, plain or gzip or bgzip, or from a table, one for each allele."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from modalities.errors import InputError
from pipelines.compression import read_chunks, sniff

Form = Literal["vcf", "table", "parquet"]

COLUMNS = ("chrom", "pos", "ref", "alt")
MISSING_ALLELE = "."

_VCF_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_LETTERS = re.compile(r"[ACGTNacgtn]+")
# VCF 4.3, section 1.6.1: a symbol in angle brackets, a breakend, or an allele lost to an upstream
# deletion; none of them says letters.
_WITHOUT_LETTERS = re.compile(
    r"<[^<>,\s]+>|\*|[^,\s]*[\[\]][^,\s]*|\.[ACGTNacgtn]+|[ACGTNacgtn]+\."
)
_HEAD = 1 << 16  # bytes that tell what a file is
_PARQUET = b"PAR1"


@dataclass(frozen=True)
class Variant:
    """One alternative allele of one row.

    Attributes:
        chrom: record of the genome.
        pos: 1-based position of the first letter of ``ref``.
        ref, alt: letters in upper case; ``alt`` may be symbolic, a breakend, ``*`` or ``.``.
        name: the ID, ``.`` for none.
        line: of the file, 1-based (rows of Parquet count from 1); 0 where there is no file.
        path: of the file, for messages.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    name: str = MISSING_ALLELE
    line: int = 0
    path: Path | None = field(default=None, compare=False)

    @property
    def where(self) -> str:
        """For messages."""
        place = f"{self.chrom}:{self.pos}"
        return f"line {self.line}, {place}" if self.line else place


@dataclass(frozen=True)
class VcfLine:
    """A line as it stands in the file, with its end, and the variants of it."""

    line: int
    content: bytes
    variants: Sequence[Variant]


def variant_form(path: str | Path) -> Form | None:
    """How a file describes variants; None for one that does not, such as sequences.

    Raises:
        InputError: the file is missing, unreadable or compressed in another way.
    """
    if sniff(path) == "plain":
        with open(path, "rb") as file:
            if file.read(4) == _PARQUET:
                return (
                    "parquet" if set(COLUMNS) <= set(_names(_parquet_names(Path(path)))) else None
                )
    head = next(read_chunks(path, chunk=_HEAD), b"")
    if head.startswith((b"##fileformat=VCF", b"#CHROM\t")):
        return "vcf"
    first = head.partition(b"\n")[0].decode("utf-8-sig", "replace")
    names = _names(first.split("\t" if "\t" in first else ","))
    if set(COLUMNS) <= set(names):
        return "table"
    # A part of them is enough to know what was meant: what lacks is named where it is read.
    return "table" if {"chrom", "pos"} & set(names) and "sequence" not in names else None


def read_variants(path: str | Path) -> Iterator[Variant]:
    """The alleles of a VCF, CSV, TSV or Parquet file, in its order.

    Tables have the columns ``chrom``, ``pos`` (1-based), ``ref`` and ``alt``, and may have ``id``;
    others are ignored. Several alternatives are separated by commas, in a table as in VCF.

    Raises:
        InputError: an unreadable file, a missing header or column, no variants; or a row that is
            no variant; with its line and the remedy.
    """
    form = variant_form(path)
    if form is None:
        raise InputError(
            path, f"is neither VCF nor a table with the columns {', '.join(COLUMNS)}; add a header"
        )
    found = False
    rows = {"vcf": _of_vcf, "table": _of_table, "parquet": _of_parquet}[form](Path(path))
    for variant in rows:
        found = True
        yield variant
    if not found:
        raise InputError(path, "holds no variants, only a header; check how it was made")


def read_vcf(path: str | Path) -> Iterator[VcfLine]:
    """Every line of a VCF file; header lines have no variants.

    Raises:
        InputError: as :func:`read_variants`.
    """
    path = Path(path)
    began = False
    number = 0
    for number, content in enumerate(_lines(path), 1):
        where = f"line {number}"
        if content.startswith(b"##") and not began:
            yield VcfLine(number, content, ())
        elif not began:
            _check_header(path, content, where)
            began = True
            yield VcfLine(number, content, ())
        elif content.strip():
            yield VcfLine(number, content, _parse_vcf(path, content, number))
        else:
            yield VcfLine(number, content, ())
    if not began:
        raise InputError(path, "has no line that begins with #CHROM; give a whole VCF file")


def _of_vcf(path: Path) -> Iterator[Variant]:
    for line in read_vcf(path):
        yield from line.variants


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in read_chunks(path):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


def _check_header(path: Path, content: bytes, where: str) -> None:
    names = content.decode("utf-8", "replace").rstrip("\r\n").split("\t")
    if tuple(names[: len(_VCF_COLUMNS)]) != _VCF_COLUMNS:
        shown = content[:40].decode("utf-8", "replace").strip()
        raise InputError(
            path,
            f"expected the tab-separated header {' '.join(_VCF_COLUMNS)}, found {shown!r}",
            where=where,
        )


def _parse_vcf(path: Path, content: bytes, number: int) -> list[Variant]:
    try:
        fields = content.decode("utf-8").rstrip("\r\n").split("\t", 8)
    except UnicodeDecodeError:
        raise InputError(path, "is not UTF-8 text", where=f"line {number}") from None
    if len(fields) < len(_VCF_COLUMNS):
        raise InputError(
            path,
            f"has {len(fields)} tab-separated fields; a VCF line has 8 or more "
            "(are they separated by blanks?)",
            where=f"line {number}",
        )
    chrom, pos, name, ref, alt = fields[:5]
    return _alleles(path, number, chrom, pos, ref, alt, name)


def _of_table(path: Path) -> Iterator[Variant]:
    first, rows = _table_rows(path)
    separator = "\t" if "\t" in first else ","
    reader = csv.reader(rows, delimiter=separator)
    names = _names(next(reader))
    column = _columns(path, names)
    try:
        for fields in reader:
            if not fields:
                continue
            number = reader.line_num
            if len(fields) != len(names):
                raise InputError(
                    path,
                    f"has {len(fields)} fields, and the header has {len(names)}; "
                    "quote separators in text",
                    where=f"line {number}",
                )
            chrom, pos, ref, alt = (fields[column[name]].strip() for name in COLUMNS)
            name = fields[column["id"]].strip() if "id" in column else ""
            yield from _alleles(path, number, chrom, pos, ref, alt, name or MISSING_ALLELE)
    except csv.Error as error:
        raise InputError(path, f"not CSV: {error}", where=f"line {reader.line_num}") from None


def _table_rows(path: Path) -> tuple[str, Iterator[str]]:
    """The header line, and all lines."""

    def decoded() -> Iterator[str]:
        for number, line in enumerate(_lines(path), 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise InputError(path, "is not UTF-8 text", where=f"line {number}") from None

    return next(decoded(), ""), decoded()


def _of_parquet(path: Path) -> Iterator[Variant]:
    names = _names(_parquet_names(path))
    column = _columns(path, names)
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            columns = {name: batch.column(column[name]).to_pylist() for name in column}
            for row in range(batch.num_rows):
                number += 1
                chrom, pos, ref, alt = (_text(columns[name][row]) for name in COLUMNS)
                name = _text(columns["id"][row]) if "id" in columns else ""
                yield from _alleles(path, number, chrom, pos, ref, alt, name or MISSING_ALLELE)


def _parquet_names(path: Path) -> list[str]:
    try:
        return pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            path, f"is a damaged Parquet file ({reason[:80]}); fetch it again"
        ) from None


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().strip('"').lower().removeprefix("#") for name in header]


def _columns(path: Path, names: Sequence[str]) -> dict[str, int]:
    for name in COLUMNS:
        if name not in names:
            raise InputError(
                path,
                f"no column {name!r}, but {', '.join(names) or 'nothing'}; variants need "
                f"{', '.join(COLUMNS)}",
                where="line 1",
            )
    return {name: names.index(name) for name in (*COLUMNS, "id") if name in names}


def _alleles(
    path: Path, number: int, chrom: str, pos: str, ref: str, alt: str, name: str
) -> list[Variant]:
    where = f"line {number}"
    if not chrom:
        raise InputError(path, "has no chromosome", where=where)
    if not (pos.isdecimal() and pos.isascii()) or int(pos) < 1:
        raise InputError(
            path, f"position {pos!r} is no whole number of 1 or more (1-based)", where=where
        )
    if not _LETTERS.fullmatch(ref):
        raise InputError(path, f"reference allele {ref!r} {_letters_wanted(ref)}", where=where)
    variants = []
    for allele in alt.split(","):
        allele = allele.strip()
        letters = _LETTERS.fullmatch(allele)
        if not (letters or allele == MISSING_ALLELE or _WITHOUT_LETTERS.fullmatch(allele)):
            raise InputError(
                path, f"alternative allele {allele!r} {_letters_wanted(allele)}", where=where
            )
        shown = allele.upper() if letters else allele
        variants.append(Variant(chrom, int(pos), ref.upper(), shown, name, number, path))
    return variants


def _letters_wanted(allele: str) -> str:
    if allele in ("", "-"):
        return "is empty; write insertions and deletions as VCF does, with the base before them"
    return "is not of the letters A, C, G, T, N"
