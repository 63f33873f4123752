"""Lines of BCF, and of VCF at one region by its index, both through htslib (pysam)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
_SUFFIXES = (".tbi", ".csi")
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

    with _told(path, "BCF"), VariantFile(str(path)) as file:
        yield from (line.encode() + b"\n" for line in str(file.header).splitlines())
        rows: Iterable[VariantRecord] = file
        if region is not None and has_index(path):
            _check_record(path, region, file.header.contigs)
            rows = file.fetch(*region)
        for row in rows:
            yield str(row).encode()


def indexed_lines(path: Path, region: Region, lines: Iterator[bytes]) -> Iterator[bytes]:
    """The header, and the rows of a region as they stand in a bgzip file with an index.

    Args:
        lines: of the file, from its first on.

    Raises:
        InputError: the file or the index is broken, or the record is not among the index's.
    """
    from pysam import TabixFile

    yield from takewhile(lambda line: line.lstrip(b"\xef\xbb\xbf").startswith(b"#"), lines)
    # Each byte a letter: what stands in INFO may be in any encoding.
    with _told(path, "VCF by its index"), TabixFile(str(path), encoding="latin-1") as file:
        _check_record(path, region, file.contigs)
        for row in file.fetch(*region):
            yield row.encode("latin-1") + b"\n"


def has_index(path: Path) -> bool:
    """Whether there is pysam, and an index beside a bgzip file that is not older than it."""
    return (
        find_spec("pysam") is not None
        and sniff(path) == "bgzip"
        and any(
            index.is_file() and index.stat().st_mtime >= path.stat().st_mtime
            for index in (Path(f"{path}{suffix}") for suffix in _SUFFIXES)
        )
    )


def check_record(path: Path, record: str, there: set[str]) -> None:
    """Raise InputError for a record of which a file of variants knows nothing."""
    if record not in there:
        names = ", ".join(sorted(there)[:3]) + (", ..." if len(there) > 3 else "")
        said = f"has no variants of record {record!r}, but of {names}; rename one of them"
        raise InputError(path, said, where="--region")


def _check_record(path: Path, region: Region, there: Iterable[object]) -> None:
    names = set(map(str, there))
    if names:
        check_record(path, region[0], names)


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
