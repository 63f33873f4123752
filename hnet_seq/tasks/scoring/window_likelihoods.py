"""Log-likelihoods of windows, a call of the model at a time, and the difference of two of them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.embedding.vectors import Strands
from hnet_seq.tasks.ranked.units import call_groups
from hnet_seq.tasks.scoring.sequences import SHORTER, base_log_likelihoods, scoring
from modalities import dna
from modalities.base import Tokens

# Of each strand its tokens (L,) and the log-probability of each of them, nats.
ByStrand: TypeAlias = list[tuple[Tokens, NDArray[np.float32]]]


class Windows:
    """Windows by key, computed when they are asked for, with all that share their call.

    The calls are those of one pass over all windows, so that what is asked for, and in which order,
    changes no bit.

    Args:
        sequences: tokens (L,) by key.
        strands: ``average`` for both, ``none`` for the forward one.
    """

    def __init__(
        self,
        model: HNetForCausalLM,
        sequences: Mapping[Hashable, Tokens],
        strands: Strands,
        batch_tokens: int,
    ) -> None:
        self._model = model
        self._sequences = sequences
        self._strands = strands
        self._batch_tokens = batch_tokens
        self._found: dict[Hashable, ByStrand] = {}
        self._call_of: dict[Hashable, list[Hashable]] = {}
        keys = iter(sequences)
        for count in call_groups(map(len, sequences.values()), batch_tokens):
            call = [next(keys) for _ in range(count)]
            self._call_of.update(dict.fromkeys(call, call))

    def __getitem__(self, key: Hashable) -> ByStrand:
        """The window's strands."""
        if key not in self._found:
            self._compute(self._call_of[key])
        return self._found[key]

    def _compute(self, call: list[Hashable]) -> None:
        names = [str(key[:2]) if isinstance(key, tuple) else str(key) for key in call]
        strands = [[self._sequences[key] for key in call]]
        if self._strands == "average":
            strands.append([dna.reverse_complement(tokens) for tokens in strands[0]])
        with scoring(self._model, SHORTER):
            values = [
                base_log_likelihoods(
                    self._model, tokens, batch_tokens=self._batch_tokens, names=names
                )
                for tokens in strands
            ]
        for index, key in enumerate(call):
            self._found[key] = [
                (tokens[index], own[index]) for tokens, own in zip(strands, values, strict=True)
            ]


def difference(
    reference: Tokens, changed: Tokens, of_reference: np.ndarray, of_changed: np.ndarray
) -> float:
    """Nats by which ``changed`` is more likely than ``reference``, from the first other base on.

    Each base that has a probability is held against a random letter, log 1/4: windows of other
    lengths so compare by what the model knows and not by how many bases it had to predict. Where
    both have as many such bases the term is zero.
    """
    first = first_difference(reference, changed)
    gained = _scored(changed) - _scored(reference)
    return (
        float(of_changed[first:].sum(dtype=np.float64) - of_reference[first:].sum(dtype=np.float64))
        + math.log(4) * gained
    )


def first_difference(one: Tokens, two: Tokens) -> int:
    """Index of the first base that differs; the shorter length where none does."""
    length = min(len(one), len(two))
    differ = np.flatnonzero(one[:length] != two[:length])
    return int(differ[0]) if len(differ) else length


def _scored(tokens: Tokens) -> int:
    """Bases that are known and have a predecessor."""
    return int(np.count_nonzero(tokens[1:] < dna.UNKNOWN))
