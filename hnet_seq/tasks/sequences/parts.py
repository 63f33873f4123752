"""Named sequences from a FASTA, GenBank or 2bit file, a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from modalities.base import Tokens
from pipelines.fasta import read_fasta
from pipelines.fasta_survey import survey_fasta
from pipelines.sequence_files import read_records, sequence_format

Named = tuple[str, Tokens]
Item = TypeVar("Item")

_RECORD_COST = 64  # bases: bounds a part of many short records by their count too


def read_named_sequences(path: str | Path) -> Iterator[Named]:
    """(name, tokens (L,)) of each record, L > 0; errors as `read_records`.

    The name is a FASTA header up to its first blank; the whole header where such names repeat,
    which are as good as others here: nothing is looked up by them.
    """
    if sequence_format(path) != "fasta":
        for record in read_records(path):
            yield record.name, record.tokens
        return
    names = [place.name for place in survey_fasta(path)]
    whole = len(set(names)) < len(names)
    for record in read_fasta(path, unique=False):
        name = f"{record.name} {record.description}".rstrip() if whole else record.name
        yield name, record.tokens


def in_parts(
    items: Iterable[Item], tokens: int, length: Callable[[Item], int]
) -> Iterator[list[Item]]:
    """Consecutive items in lists of about ``tokens`` tokens; a longer one is a list alone.

    Args:
        length: tokens of an item.
    """
    part: list[Item] = []
    held = 0
    for item in items:
        size = max(length(item), _RECORD_COST)
        if part and held + size > tokens:
            yield part
            part, held = [], 0
        part.append(item)
        held += size
    if part:
        yield part


def named_length(item: Named) -> int:
    """Tokens of a named sequence."""
    return len(item[1])
