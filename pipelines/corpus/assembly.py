"""One genome of a corpus: where it lies, what is said of it, and its records."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from modalities.dna import Iupac
from modalities.errors import InputError
from pipelines.formats.fasta import FastaPiece
from pipelines.formats.sequence_files import read_pieces

# The best first, as the reports of NCBI Datasets call them; what has none comes last.
LEVELS = ("Complete Genome", "Chromosome", "Scaffold", "Contig", "")


@dataclass(frozen=True)
class Assembly:
    """A genome.

    Attributes:
        accession: its name, as ``GCF_000005845.2``; the only one of its corpus.
        files: paths, or members of ``archive``.
        bytes: of all files as they lie.
        taxon: name of the organism, or what the list says instead; "" where nothing is known.
        tax_id: of NCBI's taxonomy.
        level: of the assembly: of :data:`LEVELS`.
        weight: factor of the loss of its bases in training.
        archive: the .zip that holds the files.
    """

    accession: str
    files: tuple[str, ...]
    bytes: int
    taxon: str = ""
    tax_id: int | None = None
    level: str = ""
    weight: float = 1.0
    archive: str | None = None

    @property
    def shown(self) -> str:
        """Its first file, as the user knows it."""
        return f"{self.archive}/{self.files[0]}" if self.archive else self.files[0]

    @property
    def paths(self) -> list[Path]:
        """Files of this machine."""
        return [Path(path) for path in ([self.archive] if self.archive else self.files)]

    def pieces(self, iupac: Iupac) -> Iterator[FastaPiece]:
        """All records, in pieces of about a megabyte.

        What lies in an archive is unpacked a file at a time, to a place that goes again.

        Raises:
            InputError: a file is missing, damaged or of another format; names it as the user does.
        """
        for name in self.files:
            if self.archive is None:
                yield from read_pieces(name, iupac=iupac)
                continue
            with _unpacked(self.archive, name) as path:
                try:
                    yield from read_pieces(path, iupac=iupac)
                except InputError as error:
                    raise error.renamed(f"{self.archive}/{name}") from None


@contextmanager
def _unpacked(archive: str, name: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="hnet-seq-") as folder:
        path = Path(folder, "member")
        try:
            with (
                zipfile.ZipFile(archive) as file,
                file.open(name) as packed,
                open(path, "wb") as plain,
            ):
                shutil.copyfileobj(packed, plain)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise InputError(
                f"{archive}/{name}", f"is damaged in the archive ({error}); download it again"
            ) from None
        except (RuntimeError, NotImplementedError) as error:  # a password, a method of its own
            raise InputError(
                f"{archive}/{name}", f"cannot be unpacked ({error}); unpack it and give the folder"
            ) from None
        yield path
