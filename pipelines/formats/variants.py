"""Variants of a genome from VCF, plain or gzip or bgzip, or from a table, one for each allele."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from modalities.errors import InputError
from modalities.given_paths import given_path
from pipelines.formats.alleles import MISSING_ALLELE, Variant, fault_variant, row_variants
from pipelines.formats.bed import bed_columns, looks_like_bed, names_bed_columns
from pipelines.formats.table_text import column_names, plain_name
from pipelines.formats.tables import Table, is_parquet
from pipelines.formats.vcf import is_vcf, looks_like_vcf, read_vcf
from pipelines.storage.compression import read_chunks

__all__ = ["Form", "Variant", "read_variants", "variant_form"]

Form = Literal["vcf", "table"]

COLUMNS = ("chrom", "pos", "ref", "alt")
SEQUENCE = "sequence"  # a column of tables that are no variants, whatever else they have
_HEAD = 1 << 16  # bytes that tell what a file is
_KEPT = "`keep_faults` keeps such rows"


def variant_form(path: str | Path) -> Form | None:
    """How a file describes variants; None for one that does not, such as sequences.

    Raises:
        InputError: the file is missing, unreadable, compressed in another way, or BCF.
    """
    names: set[str] = set()
    if is_parquet(path):
        names = {plain_name(name) for name in Table(path).names}
    elif is_vcf(Path(path)):
        return "vcf"
    head = next(read_chunks(path, chunk=_HEAD), b"")
    for line in head.decode("utf-8-sig", "replace").splitlines():
        names = names or set(column_names(line.lstrip("#")))
        if names_bed_columns(bed_columns(line)):
            return None
        # A part of them is enough to know what was meant: what lacks is named where it is read. Of
        # a comment, more.
        is_row = not line.startswith("#")
        if is_row and looks_like_bed(line):
            # A place may be called pos or alt, and an ID of VCF a number; its reader asks for the
            # header.
            return "vcf" if looks_like_vcf(line) else None
        if "pos" in names or (is_row and ("chrom" in names or {"ref", "alt"} <= names)):
            return "table" if SEQUENCE not in names else None
        if line.strip() and is_row:
            return "vcf" if looks_like_vcf(line) else None  # without a header, as its reader says
        names = set()
    return None


def read_variants(path: str | Path, *, keep_faults: bool = False) -> Iterator[Variant]:
    """The alleles of a VCF, CSV, TSV or Parquet file, in its order.

    Tables have the columns ``chrom``, ``pos`` (1-based), ``ref`` and ``alt``, and may have ``id``;
    others are ignored. Several alternatives are separated by commas, in a table as in VCF. A file
    with a header and no rows has no variants.

    Args:
        keep_faults: a row that is no variant becomes one with its ``fault``, not an error.

    Raises:
        InputError: an unreadable file, a missing header or column; or a row that is no variant;
            with its line and the remedy.
    """
    path = given_path(path, "path")
    for variant in _variants(path):
        if variant.fault and not keep_faults:
            raise variant.refusal(_KEPT)
        yield variant


def _variants(path: str | Path) -> Iterator[Variant]:
    form = variant_form(path)
    if form is None:
        raise InputError(
            path, f"is neither VCF nor a table with the columns {', '.join(COLUMNS)}; add a header"
        )
    yield from {"vcf": _of_vcf, "table": table_variants}[form](Path(path))


def _of_vcf(path: Path) -> Iterator[Variant]:
    for line in read_vcf(path):
        yield from line.variants


def table_variants(path: Path) -> Iterator[Variant]:
    """Of a file whose form is known, faults among them; see :func:`read_variants`."""
    table = Table(path, expected=COLUMNS)
    remedy = f"variants need {', '.join(COLUMNS)}"
    for name in COLUMNS:
        table.column(name, remedy)
    wanted = [*COLUMNS, *(["id"] if table.find("id") else [])]
    for row in table.rows(wanted, empty=True, keep_faults=True):
        if row.fault:
            yield fault_variant(path, row.number, row.fault)
            continue
        chrom, pos, ref, alt, *ids = (row.text(column, ",") for column in wanted)
        cells = (chrom, pos, ref, alt, "".join(ids) or MISSING_ALLELE)
        yield from row_variants(path, row.number, cells)
