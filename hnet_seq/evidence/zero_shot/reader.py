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
from modalities.errors import InputError

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


def said_of(
    log_probabilities: NDArray[np.floating], tokens: Tokens
) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
    """Places (K,) of the known bases of a sequence (L,) that were predicted, and their rows (K, 4).

    The first base may have no row (NaN): a causal model has seen nothing before it.

    Raises:
        InputError: another known base has none, or part of one.
    """
    known = np.flatnonzero(tokens < dna.UNKNOWN)
    if len(known) and known[0] == 0 and np.isnan(log_probabilities[0]).all():
        known = known[1:]
    rows = log_probabilities[known]
    without = np.isnan(rows).any(1)
    if without.any():
        raise InputError(
            None,
            "no probability (NaN) of a known base; its weights or its arithmetic overflow",
            where=f"base {known[without.argmax()] + 1} of {len(tokens)}",
        )
    return known, rows


def sum_of(log_probabilities: NDArray[np.floating], tokens: Tokens) -> Likelihood:
    """Of one sequence (L,), from what was said of each of its bases (L, 4).

    Raises:
        InputError: as :func:`said_of`.
    """
    known, rows = said_of(log_probabilities, tokens)
    own = rows[np.arange(len(known)), tokens[known]]
    return Likelihood(float(own.sum(dtype=np.float64)), len(known))


def likelihoods(reader: Reader, sequences: Sequence[Tokens]) -> list[Likelihood]:
    """What a reader says of each sequence, where that is a number.

    Raises:
        InputError: it is none (NaN, infinite), or nothing of a sequence was predicted.
    """
    found = reader.log_likelihoods(sequences)
    for index, own in enumerate(found):
        if not own.bases or not math.isfinite(own.nats):
            said = f"a log-likelihood of {own.nats} over {own.bases} bases"
            raise InputError(
                None, f"{said} for sequence {index}; nothing can be told", where=reader.name
            )
    return found
