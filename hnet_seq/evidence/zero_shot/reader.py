"""What a zero-shot test asks of a model: a protocol that any language model of DNA can meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from modalities import dna
from modalities.base import Tokens

HIDDEN_EVERY = 7
"""Of the bases of a masked model one in so many is hidden at a time: 14%, as in its training."""


@dataclass(frozen=True)
class Likelihood:
    """Of one sequence.

    Attributes:
        nats: sum of the log-probabilities of what was predicted.
        bases: that were predicted: known ones that have a context.
    """

    nats: float
    bases: int

    @property
    def bits_per_base(self) -> float:
        """NaN where nothing was predicted."""
        return -self.nats / math.log(2) / self.bases if self.bases else math.nan


class Reader(Protocol):
    """A language model of DNA. Sequences are tokens (L,) of :mod:`modalities.dna`.

    Attributes:
        name: in a table.
        reads: what a base is predicted from, those before it or all others.
    """

    @property
    def name(self) -> str: ...

    @property
    def reads(self) -> Literal["before", "around"]: ...

    def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
        """Of each sequence."""
        ...

    def base_log_probabilities(self, sequences: Sequence[Tokens]) -> list[NDArray[np.float32]]:
        """(L, 4) of A, C, G, T at each base, nats; NaN where none is predicted.

        Raises:
            InputError: the model does not read single bases.
        """
        ...

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        """The most likely next ``bases`` of each prompt, base by base: (bases,) each.

        Raises:
            InputError: the model does not go on from a beginning.
        """
        ...


def sum_of(log_probabilities: NDArray[np.floating], tokens: Tokens) -> Likelihood:
    """Of one sequence (L,), from what was said of each of its bases (L, 4)."""
    known = np.flatnonzero((tokens < dna.UNKNOWN) & ~np.isnan(log_probabilities[:, 0]))
    own = log_probabilities[known, tokens[known]]
    return Likelihood(float(own.sum(dtype=np.float64)), len(known))
