"""Bases for a model that reads bytes: letters between the markers of a document."""

from __future__ import annotations

import numpy as np

from modalities.base import Tokens
from modalities.dna_bytes import from_dna
from modalities.text import BEGIN, END
from pipelines.shards.writer import DocumentWriter


class LetterWriter:
    """Stands before another writer and turns tokens of ``dna`` into letters."""

    def __init__(self, writer: DocumentWriter) -> None:
        self._writer = writer

    def begin(self, name: str, *, start: int = 0, label: str = "") -> None:
        """The begin marker stands before the first letter."""
        self._writer.begin(name, start=start, label=label)
        self._writer.append(np.array([BEGIN], np.uint8))

    def append(self, tokens: Tokens) -> None:
        """Tokens (n,) uint8 of ``dna``."""
        self._writer.append(from_dna(tokens))

    def end(self) -> None:
        """The end marker stands after the last letter."""
        self._writer.append(np.array([END], np.uint8))
        self._writer.end()
