"""Named sequences from whatever holds them: one way in for the verbs that read sequences.

FASTA, GenBank, 2bit; BED with its genome; CSV, TSV and Parquet with a column ``sequence``; standard
input. The content of a file tells its format, not its name.
"""

from __future__ import annotations

import hashlib
import shutil
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from hnet_seq.tasks.bed_blocks import tell_of_blocks
from hnet_seq.tasks.sequences.bed import read_bed
from hnet_seq.tasks.sequences.haplotypes import Haplotypes, merged
from hnet_seq.tasks.sequences.reading import AS_IT_IS, Reading, given_samples
from hnet_seq.tasks.sequences.stdin import copy_of_stdin
from hnet_seq.tasks.sequences.tables import (
    SEQUENCE,
    TextRow,
    columns_left_out,
    read_plain_lines,
    read_table_sequences,
)
from modalities import dna, dna_bytes
from modalities.base import Modality, Tokens
from modalities.errors import InputError, UsageError
from modalities.given_paths import given_path
from pipelines.formats.bed import bed_rows, looks_like_bed
from pipelines.formats.bigbed import is_bigbed
from pipelines.formats.fasta import read_fasta
from pipelines.formats.fasta_survey import survey_fasta
from pipelines.formats.genome import Genome
from pipelines.formats.sequence_files import read_records, sequence_format
from pipelines.formats.table_rows import check_letters
from pipelines.formats.table_text import column_names
from pipelines.formats.tables import is_parquet
from pipelines.storage.compression import read_chunks

Named: TypeAlias = tuple[str, Tokens]

STDIN = "-"
_STDIN_NAME = "standard input"
_HEADER = 1 << 16  # bytes that are looked at to tell the format
_COMMENTS = ("#", "track ", "browser ")
_OF_DNA = (dna.DNA, dna_bytes.DNA_BYTES)


@dataclass(frozen=True)
class NamedSequence:
    """One sequence.

    Attributes:
        name: of the record, row or place.
        tokens: (L,) uint8, L > 0.
        label: of the column asked for; None without one.
    """

    name: str
    tokens: Tokens
    label: str | None = None


class SequenceSource:
    """Sequences that can be read again, in the same order.

    Attributes:
        count, total_bases: of the last pass that came to the end; None before.
        digest: sha256 over names and tokens, of the same pass: equal for equal sequences.
        left_out: columns of a table that are neither read nor kept.
        kind: of the input: fasta, other records, bed, table or lines.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[], Iterator[NamedSequence]],
        *,
        kind: str,
        is_stdin: bool = False,
        left_out: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.kind = kind
        self.left_out = left_out
        self._read = read
        self._is_stdin = is_stdin
        if is_stdin:  # the copy lives as long as the source
            weakref.finalize(self, shutil.rmtree, path.parent, ignore_errors=True)
        self.count: int | None = None
        self.total_bases: int | None = None
        self.digest: str | None = None

    def names_and_tokens(self) -> Iterator[tuple[str, Tokens]]:
        """(name, tokens (L,)) of each sequence; errors name file and record, line or row."""
        return ((found.name, found.tokens) for found in self.sequences())

    def check(self) -> None:
        """Raise what reading them raises."""
        deque(self.sequences(), maxlen=0)

    def sequences(self) -> Iterator[NamedSequence]:
        """As :meth:`names_and_tokens`, with labels."""
        digest = hashlib.sha256()
        count = bases = 0
        try:
            for found in self._read():
                count += 1
                bases += len(found.tokens)
                digest.update(f"{found.name}\n{len(found.tokens)}\n{found.label}\n".encode())
                digest.update(found.tokens.data)
                yield found
        except InputError as error:
            if not self._is_stdin:
                raise
            shown = str(error).replace(str(self.path), _STDIN_NAME)
            raise type(error)(None, shown) from None
        self.count, self.total_bases, self.digest = count, bases, digest.hexdigest()


def open_sequences(
    source: str | Path,
    reading: Reading = AS_IT_IS,
    *,
    label: str | None = None,
    modality: Modality = dna.DNA,
    tell: bool = True,
) -> SequenceSource:
    """Look at ``source`` and choose its reader; sequences are read as they are asked for.

    Args:
        source: FASTA, GenBank or 2bit; with a genome, BED, whose strand is respected; CSV, TSV or
            Parquet with a column ``sequence``, named by ``id`` or else by the row's number; ``-``
            for standard input: any of these but Parquet and 2bit, or one sequence a line. Text may
            be plain, gzip, bgzip or zstd. Standard input is copied to a temporary file.
        reading: what is said beside it.
        label: a column of a table that becomes the label.
        modality: what the letters are; text and code come from tables and lines only.
        tell: say on standard error what is ignored.

    Raises:
        InputError: the file is missing, unreadable, or of a format that does not fit.
        UsageError: BED without a genome, what is for BED without it, samples without haplotypes,
            ``label`` or ``where`` without a table.
    """
    is_stdin = f"{source}" == STDIN
    path = copy_of_stdin() if is_stdin else Path(source)
    try:
        kind = _kind(path, lines=is_stdin, genome=reading.genome is not None)
        _check_options(path, kind, reading, label)
        read = _reader(path, kind, reading, label, modality, tell=tell)
        left_out = columns_left_out(path, label, reading.where) if kind == "table" else ()
        if tell and kind == "bed" and not reading.blocks:
            tell_of_blocks(path, "; --blocks joins them")
    except InputError as error:
        if not is_stdin:
            raise
        shutil.rmtree(path.parent)
        shown = str(error).replace(str(path), _STDIN_NAME)
        raise type(error)(None, shown) from None
    return SequenceSource(path, read, kind=kind, is_stdin=is_stdin, left_out=left_out)


def read_sequences(
    source: str | Path,
    *,
    genome: str | Path | None = None,
    haplotypes: str | Path | None = None,
    samples: str | Sequence[str] = (),
    modality: Modality = dna.DNA,
) -> Iterator[tuple[str, Tokens]]:
    """(name, tokens (L,)) of each sequence; arguments and errors as :func:`open_sequences`."""
    reading = Reading(genome, haplotypes=haplotypes, samples=given_samples(samples))
    found = open_sequences(given_path(source, "source"), reading, modality=modality)
    return found.names_and_tokens()


def read_named_sequences(path: str | Path) -> Iterator[Named]:
    """(name, tokens (L,)) of each record of a file, L > 0; errors as `read_records`.

    The name is a FASTA header up to its first blank; the whole header where such names repeat,
    which are as good as others here: nothing is looked up by them.
    """
    if sequence_format(path) != "fasta":
        for found in read_records(path, unique=False):
            yield found.name, found.tokens
        return
    names = [place.name for place in survey_fasta(path)]
    whole = len(set(names)) < len(names)
    for record in read_fasta(path, unique=False):
        name = f"{record.name} {record.description}".rstrip() if whole else record.name
        yield name, record.tokens


def named_length(item: Named) -> int:
    """Tokens of a named sequence."""
    return len(item[1])


def _check_options(path: Path, kind: str, reading: Reading, label: str | None) -> None:
    said = f"{path} is {_SAID[kind]}"
    for name in ("genome", "blocks", "haplotypes"):
        if getattr(reading, name) and kind != "bed":
            raise UsageError(name, f"is for BED, and {said}; leave it out")
    if reading.samples and not reading.haplotypes:
        raise UsageError("samples", "are those of haplotypes; give them, or leave it out")
    if label is not None and kind != "table":
        raise UsageError("label", f"is a column of a table, and {said}")
    if reading.where is not None and reading.where.values and kind != "table":
        raise UsageError("where", f"is for rows of a table, and {said}")
    if reading.genome is None and kind == "bed":
        raise UsageError("genome", f"{path} is BED, places without letters; give their genome")


def _reader(
    path: Path, kind: str, reading: Reading, label: str | None, modality: Modality, *, tell: bool
) -> Callable[[], Iterator[NamedSequence]]:
    if kind == "table":
        return lambda: _encoded(path, read_table_sequences(path, label, reading.where), modality)
    if kind == "lines":
        return lambda: _encoded(path, read_plain_lines(path), modality)
    if modality not in _OF_DNA:
        raise InputError(
            path,
            f"is {_SAID[kind]}, and the model reads {modality.name}; give a table with a column "
            "'sequence'",
        )
    convert = dna_bytes.from_dna if modality is dna_bytes.DNA_BYTES else lambda tokens: tokens
    if kind in ("fasta", "records"):
        return lambda: (
            NamedSequence(name, convert(own)) for name, own in read_named_sequences(path)
        )
    assert reading.genome is not None
    genome = Genome(reading.genome, use_index=True)
    haplotypes = None
    if reading.haplotypes:
        places = merged((row.record, row.start, row.end) for row in bed_rows(path, genome.lengths))
        haplotypes = Haplotypes(reading.haplotypes, genome, reading.samples, places)
        if tell:
            haplotypes.tell()
    bed = partial(read_bed, path, genome, blocks=reading.blocks, haplotypes=haplotypes)
    return lambda: (NamedSequence(name, convert(own)) for name, own in bed())


def _encoded(path: Path, rows: Iterable[TextRow], modality: Modality) -> Iterator[NamedSequence]:
    for row in rows:
        if modality in _OF_DNA:
            check_letters(path, row.where, row.text)
        try:
            tokens = modality.encode(row.text)
        except InputError as error:
            raise InputError(path, f"sequence, {error}", where=row.where) from None
        if not tokens.flags.writeable:  # torch warns of arrays that it could change by mistake
            tokens = tokens.copy()
        yield NamedSequence(row.name, tokens, row.label)


_SAID = {
    **{"fasta": "FASTA", "records": "GenBank or 2bit", "bed": "BED"},
    **{"table": "a table", "lines": "plain lines"},
}


def _kind(path: Path, *, lines: bool, genome: bool) -> str:
    """``fasta``, other ``records``, ``bed``, ``table``, or ``lines`` where these are allowed.

    Args:
        genome: one is given, so that BED is meant where the file itself does not say otherwise.
    """
    if is_parquet(path):
        return "table"
    if is_bigbed(path):
        return "bed"
    if sequence_format(path) != "fasta":
        return "records"
    head = next(read_chunks(path), b"")[:_HEADER].decode("utf-8-sig", errors="replace")
    seen = [line for line in head.splitlines() if line.strip()]
    if seen and seen[0].startswith("#") and SEQUENCE in column_names(seen[0][1:]):
        return "table"
    first = next((line for line in seen if not line.startswith(_COMMENTS)), "")
    if not first.strip():
        return "lines" if lines else "bed" if genome else "fasta"
    if first.startswith(">") or (not genome and first.startswith(("@", ";", "ID   "))):
        return "fasta"
    if SEQUENCE in column_names(first):
        return "table"
    if looks_like_bed(first) or genome:
        return "bed"
    is_text = first.replace("\t", "").isprintable() and "\ufffd" not in first
    if is_text and any(mark in first for mark in "\t,;{"):
        return "table"  # whose reader says what its header lacks
    return "lines" if lines else "fasta"
