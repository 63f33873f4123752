"""The variants of a file that is read and parsed once, however often they are gone through."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pipelines.formats.alleles import Variant
from pipelines.formats.indexed_vcf import Region, check_record, contigs_of
from pipelines.formats.variants import Form, table_variants
from pipelines.formats.vcf import VcfLine, read_vcf
from pipelines.storage.files import named_errors


class VariantSource:
    """The lines of a VCF file, or the rows of a table, in order.

    A row that is no variant becomes one with its ``fault``.

    The first pass copies what it parses to a file without a name, packed, in the folder for
    temporary files (``TMPDIR``); later ones read that. Several may go on at a time.

    Args:
        form: of the file, see :func:`pipelines.formats.variants.variant_form`.
        region: only rows with a base of it, and header lines; others are not looked at.
        keep_content: later passes have the bytes of each line, too.
        check: looks at each line of the first pass.

    Attributes:
        digest: sha256 over all of it, once the first pass has ended.

    Raises:
        InputError: as :func:`pipelines.formats.variants.read_variants`, where lines are first read.
    """

    def __init__(
        self,
        path: Path,
        form: Form,
        *,
        region: Region | None = None,
        keep_content: bool = False,
        check: Callable[[VcfLine], object] = lambda line: None,
    ) -> None:
        self.path = path
        self.digest = ""
        self._form = form
        self._region = region
        self._keep_content = keep_content
        self._check = check
        # Without a name it goes with the process, whatever ends that.
        self._copy = tempfile.TemporaryFile(prefix="hnet-seq-")  # noqa: SIM115
        weakref.finalize(self, _give_up, self._copy)

    def variants(self) -> Iterator[Variant]:
        """One for each allele."""
        for line in self.lines():
            yield from line.variants

    def lines(self) -> Iterator[VcfLine]:
        """Of a table, a row each, without bytes."""
        return self._again() if self.digest else self._first()

    def _first(self) -> Iterator[VcfLine]:
        digest = hashlib.sha256()
        with named_errors(Path(tempfile.gettempdir())):
            self._copy.truncate(0)
            self._copy.seek(0)
            with gzip.open(self._copy, "wb", 1) as copy:
                for line in self._parsed():
                    self._check(line)
                    kept = line.content.decode("latin-1") if self._keep_content else ""
                    rows = [
                        (own.chrom, own.pos, own.ref, own.alt, own.name, own.line, own.fault)
                        for own in line.variants
                    ]
                    packed = f"{json.dumps((line.line, kept, rows))}\n".encode()
                    digest.update(packed)
                    copy.write(packed)
                    yield line
            self._copy.flush()
        self.digest = digest.hexdigest()

    def _parsed(self) -> Iterator[VcfLine]:
        if self._form == "vcf":
            lines = read_vcf(self.path, self._region)
        else:
            lines = (VcfLine(row.line, b"", [row]) for row in table_variants(self.path))
        return lines if self._region is None else self._within(lines, self._region)

    def _within(self, lines: Iterable[VcfLine], region: Region) -> Iterator[VcfLine]:
        met, known = set[str](), set[str]()
        for line in lines:
            known |= contigs_of(line.content)
            met.update(row.chrom for row in line.variants if row.chrom)
            if not line.variants or any(row.within(region) for row in line.variants):
                yield line
        check_record(self.path, region[0], met, known)

    def _again(self) -> Iterator[VcfLine]:
        with gzip.open(io.BufferedReader(_Cursor(self._copy.fileno())), "rb") as copy:
            for packed in copy:
                number, content, rows = json.loads(packed)
                variants = [
                    Variant(chrom, pos, ref, alt, name, at, self.path, fault)
                    for chrom, pos, ref, alt, name, at, fault in rows
                ]
                yield VcfLine(number, content.encode("latin-1"), variants)


def _give_up(copy: IO[bytes]) -> None:
    with suppress(OSError):  # what did not fit the disk is written again, in vain
        copy.close()


class _Cursor(io.RawIOBase):
    """Reads an open file from its begin, at a place of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._place = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._descriptor, [buffer], self._place)
        self._place += count
        return count
