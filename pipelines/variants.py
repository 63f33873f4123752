"""Variants of a genome from VCF, plain or gzip or bgzip, or from a table, one for each allele."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from modalities.errors import InputError
from pipelines.alleles import MISSING_ALLELE, Variant, fault_variant, row_variants
from pipelines.compression import read_chunks, sniff
from pipelines.vcf import is_vcf, lines_of, read_vcf

__all__ = ["Form", "Variant", "read_variants", "variant_form"]

Form = Literal["vcf", "table", "parquet"]

COLUMNS = ("chrom", "pos", "ref", "alt")
_HEAD = 1 << 16  # bytes that tell what a file is
_PARQUET = b"PAR1"


def variant_form(path: str | Path) -> Form | None:
    """How a file describes variants; None for one that does not, such as sequences.

    Raises:
        InputError: the file is missing, unreadable, compressed in another way, or BCF.
    """
    if sniff(path) == "plain":
        with open(path, "rb") as file:
            if file.read(4) == _PARQUET:
                return (
                    "parquet" if set(COLUMNS) <= set(_names(_parquet_names(Path(path)))) else None
                )
    if is_vcf(Path(path)):
        return "vcf"
    head = next(read_chunks(path, chunk=_HEAD), b"")
    first = head.partition(b"\n")[0].decode("utf-8-sig", "replace")
    names = _names(first.split("\t" if "\t" in first else ","))
    if set(COLUMNS) <= set(names):
        return "table"
    # A part of them is enough to know what was meant: what lacks is named where it is read.
    return "table" if {"chrom", "pos"} & set(names) and "sequence" not in names else None


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
    form = variant_form(path)
    if form is None:
        raise InputError(
            path, f"is neither VCF nor a table with the columns {', '.join(COLUMNS)}; add a header"
        )
    rows = {"vcf": _of_vcf, "table": _of_table, "parquet": _of_parquet}[form]
    yield from rows(Path(path), keep_faults)


def _of_vcf(path: Path, keep_faults: bool) -> Iterator[Variant]:
    for line in read_vcf(path, keep_faults=keep_faults):
        yield from line.variants


def _of_table(path: Path, keep_faults: bool) -> Iterator[Variant]:
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
                fault = (
                    f"has {len(fields)} fields, and the header has {len(names)}; "
                    "quote separators in text"
                )
                yield fault_variant(path, number, fault, keep_faults=keep_faults)
                continue
            chrom, pos, ref, alt = (fields[column[name]].strip() for name in COLUMNS)
            name = fields[column["id"]].strip() if "id" in column else ""
            cells = (chrom, pos, ref, alt, name or MISSING_ALLELE)
            yield from row_variants(path, number, cells, keep_faults=keep_faults)
    except csv.Error as error:
        raise InputError(path, f"not CSV: {error}", where=f"line {reader.line_num}") from None


def _table_rows(path: Path) -> tuple[str, Iterator[str]]:
    """The header line, and all lines."""

    def decoded() -> Iterator[str]:
        for number, line in enumerate(lines_of(path), 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise InputError(path, "is not UTF-8 text", where=f"line {number}") from None

    return next(decoded(), ""), decoded()


def _of_parquet(path: Path, keep_faults: bool) -> Iterator[Variant]:
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
                cells = (chrom, pos, ref, alt, name or MISSING_ALLELE)
                yield from row_variants(path, number, cells, keep_faults=keep_faults)


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
