"""Named sequences from a FASTA file, a part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from modalities.base import Tokens
from pipelines.fasta import read_fasta

Named = tuple[str, Tokens]

_RECORD_COST = 64  # bases: bounds a part of many short records by their count too


def read_fasta_sequences(path: str | Path) -> Iterator[Named]:
    """(name, tokens (L,)) of each record, L > 0; errors as :func:`pipelines.fasta.read_fasta`."""
    for record in read_fasta(path):
        yield record.name, record.tokens


def in_parts(sequences: Iterable[Named], tokens: int) -> Iterator[list[Named]]:
    """Consecutive sequences in lists of about ``tokens`` tokens; a longer one is a list alone."""
    part: list[Named] = []
    held = 0
    for name, sequence in sequences:
        size = max(len(sequence), _RECORD_COST)
        if part and held + size > tokens:
            yield part
            part, held = [], 0
        part.append((name, sequence))
        held += size
    if part:
        yield part
