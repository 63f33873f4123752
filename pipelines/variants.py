"""Variants of a genome from VCF, plain or gzip or bgzip, or from a table, one for each allele."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modalities.errors import InputError
from pipelines.compression import read_chunks
from pipelines.table_text import column_names, plain_name
from pipelines.tables import Table, is_parquet

Form = Literal["vcf", "table"]

COLUMNS = ("chrom", "pos", "ref", "alt")
SEQUENCE = "sequence"  # a column of tables that are no variants, whatever else they have
MISSING_ALLELE = "."

_VCF_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_LETTERS = re.compile(r"[ACGTNacgtn]+")
# VCF 4.3, section 1.6.1: a symbol in angle brackets, a breakend, or an allele lost to an upstream
# deletion; none of them says letters.
_WITHOUT_LETTERS = re.compile(
    r"<[^<>,\s]+>|\*|[^,\s]*[\[\]][^,\s]*|\.[ACGTNacgtn]+|[ACGTNacgtn]+\."
)
_HEAD = 1 << 16  # bytes that tell what a file is


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
    head = next(read_chunks(path, chunk=_HEAD), b"")
    if head.startswith((b"##fileformat=VCF", b"#CHROM\t")):
        return "vcf"
    names: set[str] = set()
    if is_parquet(path):
        names = {plain_name(name) for name in Table(path).names}
    for line in head.decode("utf-8-sig", "replace").splitlines():
        names = names or set(column_names(line.lstrip("#")))
        # A part of them is enough to know what was meant: what lacks is named where it is read.
        if {"chrom", "pos"} & names:
            return "table" if SEQUENCE not in names else None
        if line.strip() and not line.startswith("#"):
            return None
        names = set()
    return None


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
    rows = {"vcf": _of_vcf, "table": _of_table}[form](Path(path))
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
    table = Table(path, expected=COLUMNS)
    remedy = f"variants need {', '.join(COLUMNS)}"
    for name in COLUMNS:
        table.column(name, remedy)
    wanted = [*COLUMNS, *(["id"] if table.find("id") else [])]
    for row in table.rows(wanted, empty=True):
        chrom, pos, ref, alt, *ids = (row.text(column) for column in wanted)
        yield from _alleles(path, row.number, chrom, pos, ref, alt, "".join(ids) or MISSING_ALLELE)


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
