"""What a modality is: how its sequences become tokens, and which of these a model predicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tokens: TypeAlias = NDArray[np.uint8]
"""Token ids of one sequence, (L,)."""


class Bases(Protocol):
    """What letters are read from: a genome, or one that is edited or turned."""

    @property
    def lengths(self) -> Mapping[str, int]:
        """Bases of each record."""

    def fetch(self, name: str, start: int, end: int) -> Tokens:
        """Tokens (end - start,) of a record, 0-based."""


@dataclass(frozen=True)
class Modality:
    """A kind of sequence.

    Attributes:
        name: as manifests and configs write it.
        vocabulary: the meaning of each token id, in order; at most 256.
        scored_tokens: the ids that are predicted; the others (unknown, markers) never are targets.
        encode: a sequence, as bytes or a string, to tokens (L,).
        decode: tokens (L,) to a string.
        complement_table: (256,) the complement of each stored byte, for modalities with two
            strands; None for the others.
    """

    name: str
    vocabulary: tuple[str, ...]
    scored_tokens: tuple[int, ...]
    encode: Callable[..., Tokens]
    decode: Callable[[Tokens], str]
    complement_table: Tokens | None = None

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return len(self.vocabulary)

    @property
    def fingerprint(self) -> str:
        """sha256 over the vocabulary: equal for two builds that give every id the same meaning."""
        return hashlib.sha256(json.dumps(self.vocabulary).encode()).hexdigest()

    def complement(self) -> Tokens:
        """``complement_table``, where there is one.

        Raises:
            ValueError: the modality has one strand.
        """
        if self.complement_table is None:
            raise ValueError(f"{self.name} has one strand")
        return self.complement_table
