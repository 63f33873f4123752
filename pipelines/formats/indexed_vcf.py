"""Lines of BCF, and of VCF at one region by its index, both through htslib (pysam)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from modalities.errors import InputError
from pipelines.storage.compression import read_chunks, sniff

if TYPE_CHECKING:
    from pysam import VariantRecord

Region: TypeAlias = tuple[str, int, int]
"""Record, and 0-based half-open bounds."""

_BCF = b"BCF"
_HEAD = 1 << 12  # bytes
_SUFFIXES = {"VCF": (".csi", ".tbi"), "BCF": (".csi",)}
_CONTIG = re.compile(rb"##contig=<(?:.*,)?ID=([^,>]+)")
_REMEDY = "write VCF of it: bcftools view -O z -o OUT.vcf.gz"


def is_bcf(path: Path) -> bool:
    """Whether a file holds BCF, which pysam reads.

    Raises:
        InputError: it does, and there is no pysam, or zstd around it; or it cannot be read.
    """
    if not next(read_chunks(path, chunk=_HEAD), b"").startswith(_BCF):
        return False
    said = "is BCF, the binary form of VCF"
    if find_spec("pysam") is None:
        raise InputError(
            path, f"{said}; pip install 'hnet-seq[variants]' to have it read, or {_REMEDY}"
        )
    if sniff(path) == "zstd":
        raise InputError(path, f"{said}, in zstd; give it without, or {_REMEDY}")
    return True


def bcf_lines(path: Path, region: Region | None = None) -> Iterator[bytes]:
    """The lines that ``bcftools view`` writes; of a region, if the file has an index, only those.

    Raises:
        InputError: it is cut short or otherwise broken.
    """
    from pysam import VariantFile

    index = None if region is None else index_of(path, "BCF")
    with _told(path, "BCF"), VariantFile(str(path), index_filename=index) as file:
        yield from (line.encode() + b"\n" for line in str(file.header).splitlines())
        rows: Iterable[VariantRecord] = file
        if region is not None and index is not None:
            check_record(path, region[0], set(map(str, file.header.contigs)))
            rows = file.fetch(*region)
        for row in rows:
            yield str(row).encode()


def indexed_lines(
    path: Path, index: str, region: Region, lines: Iterator[bytes]
) -> Iterator[bytes]:
    """The header, and the rows of a region as they stand in a bgzip file with an index.

    Args:
        index: of the file, see :func:`index_of`.
        lines: of the file, from its first on.

    Raises:
        InputError: the file or the index is broken, or neither knows the record.
    """
    from pysam import TabixFile

    known, end = set(), b"\n"
    for line in takewhile(lambda line: line.lstrip(b"\xef\xbb\xbf").startswith(b"#"), lines):
        known |= contigs_of(line)
        end = b"\r\n" if line.endswith(b"\r\n") else b"\n"  # which htslib takes off
        yield line
    # Each byte a letter: what stands in INFO may be in any encoding.
    with (
        _told(path, "VCF by its index"),
        TabixFile(str(path), index=index, encoding="latin-1") as file,
    ):
        there = set(file.contigs)
        check_record(path, region[0], there, known)
        for row in file.fetch(*region) if region[0] in there else ():
            yield row.encode("latin-1") + end


def index_of(path: Path, form: str = "VCF") -> str | None:
    """The index beside a bgzip file that is not older than it, if there is one and pysam.

    Args:
        form: VCF or BCF, which have indices of other kinds.
    """
    if find_spec("pysam") is None or not path.is_file() or sniff(path) != "bgzip":
        return None
    beside = (Path(f"{path}{suffix}") for suffix in _SUFFIXES[form])
    made = path.stat().st_mtime
    return next((f"{own}" for own in beside if own.is_file() and own.stat().st_mtime >= made), None)


def contigs_of(line: bytes) -> set[str]:
    """The record that a line of the header names, if it does."""
    found = _CONTIG.match(line)
    return {found[1].decode("utf-8", "replace")} if found else set()


def check_record(path: Path, record: str, there: set[str], known: Collection[str] = ()) -> None:
    """Raise InputError for a record of which a file with variants of others knows nothing.

    Args:
        there: records that have variants.
        known: those that the header has.
    """
    if there and record not in there and record not in known:
        names = ", ".join(sorted(there)[:3]) + (", ..." if len(there) > 3 else "")
        said = f"has no variants of record {record!r}, but of {names}; rename one of them"
        raise InputError(path, said, where="--region")


@contextmanager
def _told(path: Path, form: str) -> Iterator[None]:
    """htslib's errors, and none of its warnings, which are told by no number of lines."""
    import pysam

    before = pysam.set_verbosity(0)
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError) as error:
        # A broken block is told as a file that is not there.
        why = "a block is broken" if isinstance(error, FileNotFoundError) else f"{error}"
        raise InputError(
            path, f"cannot be read as {form} ({why}); make it again, or {_REMEDY}"
        ) from None
    finally:
        pysam.set_verbosity(before)
