"""bigBed as the lines of BED that it was made of, in its own order: by record, then by start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modalities.errors import InputError, UsageError
from pipelines.storage.compression import read_chunks

_MAGIC = 0x8789F2EB
_MARKS = tuple(_MAGIC.to_bytes(4, order) for order in ("little", "big"))
_SPAN = 10_000_000  # bases of a record whose rows are held at once


def is_bigbed(path: Path) -> bool:
    """Whether a file begins as bigBed does. Its name is not asked.

    Raises:
        InputError: the file is missing or unreadable.
    """
    return next(read_chunks(path, chunk=4), b"") in _MARKS


def bigbed_lines(path: Path) -> Iterator[str]:
    """The rows of a bigBed file, with tabs between columns.

    pybigtools reads bigBed too, but parts columns at blanks, so that a name of two words moves the
    strand (``findings/pybigtools_parts_bigbed_at_blanks.sh``).

    Raises:
        UsageError: pyBigWig is not installed.
        InputError: it cannot be read, or is compressed once more.
    """
    with _opened(path) as file:
        for record, length in file.chroms().items():
            for start in range(0, length, _SPAN):
                # None where there are none; those that began in an earlier span come again.
                for begin, end, rest in (
                    file.entries(record, start, min(start + _SPAN, length)) or ()
                ):
                    if begin >= start:
                        yield "\t".join(filter(None, (record, f"{begin}", f"{end}", rest)))


def _opened(path: Path) -> Any:
    try:
        import pyBigWig
    except ImportError:
        raise UsageError(
            path, "is bigBed, which needs pyBigWig: pip install 'hnet-seq[tracks]'"
        ) from None
    with path.open("rb") as file:
        if file.read(4) not in _MARKS:
            raise InputError(path, "is compressed bigBed; unpack it")
    try:
        return pyBigWig.open(f"{path}")
    except RuntimeError as error:
        raise InputError(path, f"pyBigWig cannot read it as bigBed: {error}") from None
