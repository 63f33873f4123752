"""Lines of VCF, plain, gzip or bgzip, with their variants and their bytes; BCF as such lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import InputError
from pipelines.formats.alleles import (
    MISSING_ALLELE,
    Variant,
    fault_variant,
    is_allele,
    row_variants,
)
from pipelines.formats.indexed_vcf import Region, bcf_lines, index_of, indexed_lines, is_bcf
from pipelines.storage.compression import read_chunks

_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HEAD = 1 << 12  # bytes
_SHOWN = 80  # characters of a line in a message


@dataclass(frozen=True)
class VcfLine:
    """A line as it stands in the file, with its end, and the variants of it."""

    line: int
    content: bytes
    variants: Sequence[Variant]

    @property
    def names_columns(self) -> bool:
        """Whether it is the last line of the header."""
        return _bare(self.content).startswith(_COLUMNS[0].encode())


def is_vcf(path: Path) -> bool:
    """Whether the lines before the first row say VCF, or it is BCF.

    Raises:
        InputError: it is BCF and there is no pysam, or cannot be read.
    """
    if is_bcf(path):
        return True
    head = next(read_chunks(path, chunk=_HEAD), b"")
    if not _bare(head).startswith(b"#"):
        return False  # before a line is looked for: a sequence may be one of gigabytes
    for content in lines_of(path):
        bare = _bare(content)
        if bare.startswith(b"##fileformat=VCF") or bare.split()[:1] == [b"#CHROM"]:
            return True
        if bare and not bare.startswith(b"##"):
            return False
    return False


def looks_like_vcf(line: str) -> bool:
    """Whether a line is a row of VCF: with a position, and alleles where VCF has them."""
    columns = [column.strip() for column in line.split("\t")]
    return (
        len(columns) >= len(_COLUMNS)
        and columns[1].isdecimal()
        and all(is_allele(text) for text in (columns[3], *columns[4].split(",")))
        and not _is_place(columns)
    )


def _is_place(columns: list[str]) -> bool:
    """Whether a row is one of BED all the same: the letters of ``gyrA`` could be an allele.

    The number that ClinVar has for an ID may lie behind the position as an end does, so the strand
    has to say so, or a score of ``.`` where nothing is KEY=VALUE as in INFO.
    """
    start, end, _, score, strand, _, info = columns[1:8]
    return (
        end.isdecimal()
        and int(end) > int(start)
        and (strand in ("+", "-") or (score == MISSING_ALLELE and "=" not in info))
    )


def read_vcf(path: str | Path, region: Region | None = None) -> Iterator[VcfLine]:
    """Every line of a VCF or BCF file; header lines have no variants.

    A row that is no variant becomes one with its ``fault``. Lines of BCF are those of ``bcftools
    view``.

    Args:
        region: where an index can tell, read no row that lies elsewhere. Rows have no number then.

    Raises:
        InputError: an unreadable file, or a missing header, with its line and the remedy.
    """
    path = Path(path)
    began = False
    bcf = is_bcf(path)
    index = None if region is None else index_of(path, "BCF" if bcf else "VCF")
    if bcf:
        lines = bcf_lines(path, region)
    elif region is not None and index is not None:
        lines = indexed_lines(path, index, region, lines_of(path))
    else:
        lines = lines_of(path)
    for number, content in enumerate(lines, 1):
        bare = _bare(content)
        variants: Sequence[Variant] = ()
        if number == 1 and b"\r" in bare:
            raise InputError(path, "line ends are CR alone (old Mac text); convert them to LF")
        if began and bare:
            variants = _parse(path, content, number if index is None else 0)
        elif bare and not bare.startswith(b"##"):
            _check_header(path, bare, f"line {number}")
            began = True
        yield VcfLine(number, content, variants)
    if not began:
        raise InputError(path, "has no line that begins with #CHROM; give a whole VCF file")


def lines_of(path: Path) -> Iterator[bytes]:
    """Lines with their ends; errors as :func:`pipelines.storage.compression.read_chunks`."""
    return _split(read_chunks(path))


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


def _bare(content: bytes) -> bytes:
    """A line without the blanks around it, which mean nothing, or a byte order mark."""
    return content.removeprefix(_BYTE_ORDER_MARK).strip()


def _check_header(path: Path, bare: bytes, where: str) -> None:
    text = bare.decode("utf-8", "replace")
    names = [name.strip() for name in text.split("\t")]
    if tuple(names[: len(_COLUMNS)]) != _COLUMNS:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        raise InputError(
            path,
            f"expected the tab-separated header {' '.join(_COLUMNS)}, found {shown!r}; write it "
            "there",
            where=where,
        )


def _parse(path: Path, content: bytes, number: int) -> list[Variant]:
    # What stands in INFO and behind it is copied as it is, in whichever encoding.
    fields = content.rstrip(b"\r\n").split(b"\t", 8)
    fault, cells = "", []
    if len(fields) >= len(_COLUMNS):
        try:
            cells = [field.decode().strip() for field in fields[:5]]
        except UnicodeDecodeError:
            fault = "is not UTF-8 text; convert the file's encoding"
    elif content.startswith(b"#"):
        fault = (
            "begins with # below the header, as where files were put one after another (bcftools "
            "concat does that well); remove it"
        )
    else:
        fault = (
            f"has {len(fields)} tab-separated fields; a VCF line has 8 or more "
            "(are they separated by blanks?)"
        )
    if fault:
        return [fault_variant(path, number, fault)]
    chrom, pos, name, ref, alt = cells
    return row_variants(path, number, (chrom, pos, ref, alt, name))
