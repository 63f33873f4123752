"""What every reader yields: the start of a record, then its tokens in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from modalities.base import Tokens


@dataclass(frozen=True)
class RecordStart:
    """A new record: the pieces that follow are its own, up to the next start.

    Attributes:
        name: first word of a FASTA header, or the name of a text file.
        description: what follows the name in the header.
        line: 1-based line of the header in its file.
    """

    name: str
    description: str
    line: int


Event: TypeAlias = RecordStart | Tokens
