"""What the changes of a context do to its likelihood, with what lies before them computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import in_calls
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.branches import Trunk, can_branch, most_branches
from hnet_seq.tasks.scoring.likelihoods import SHORTER, base_log_likelihoods, scoring
from modalities import dna
from modalities.base import Tokens

_PART_TOKENS = 1 << 18  # bases of mutants, over which no call reaches

Change: TypeAlias = tuple[int, int, int]
"""Strand, 0 or 1 for the reverse; place in the context, forward; and the letter that goes there."""


def change_calls(
    context: Tokens,
    start: int,
    end: int,
    strands: Strands,
    batch_tokens: int,
    most: int | None = None,
) -> Iterator[list[Change]]:
    """All changes of known letters from ``start`` to ``end``, on each strand, call by call.

    Args:
        most: changes of a call, each from the first one on; None: each in the whole context.
    """
    places = [place for place in range(start, end) if context[place] in dna.BASES]
    for strand in range(1 + (strands == "average")):
        changes = [
            (strand, place, letter)
            for place in (reversed(places) if strand else places)
            for letter in dna.BASES
            if letter != context[place]
        ]
        step = max(1, _PART_TOKENS // len(context))
        if most is None:
            for first in range(0, len(changes), step):
                yield from in_calls(
                    changes[first : first + step], batch_tokens, lambda change: len(context)
                )
            continue
        first = 0
        while first < len(changes):
            each = len(context) - _begin(changes[first], len(context))
            last = first + max(1, min(most, step, batch_tokens // each))
            yield changes[first:last]
            first = last


def calls_of(
    model: HNetForCausalLM,
    context: Tokens,
    start: int,
    end: int,
    strands: Strands,
    batch_tokens: int,
) -> Iterator[list[Change]]:
    """The calls that suit a model."""
    most = most_branches(model, len(context)) if can_branch(model) else None
    return change_calls(context, start, end, strands, batch_tokens, most)


class Scorer:
    """Effects of changes; what lies before a change goes through the model once.

    Args:
        calls: all calls that there are, see :func:`calls_of`. Where they begin the context is read
            in pieces, so that an effect has the same bits whatever was computed before.
    """

    def __init__(
        self,
        model: HNetForCausalLM,
        context: Tokens,
        calls: Iterable[Sequence[Change]],
        batch_tokens: int,
    ) -> None:
        self._model = model
        self._batch_tokens = batch_tokens
        self._own = (context, dna.reverse_complement(context))
        self._shared = can_branch(model)
        self._begins: tuple[list[int], list[int]] = ([], [])
        for call in calls if self._shared else ():
            self._begins[call[0][0]].append(_begin(call[0], len(context)))
        self._references: dict[int, NDArray[np.float32]] = {}
        self._trunk = (-1, 0, Trunk(model, 1, batch_tokens))

    def __call__(self, call: Sequence[Change]) -> list[float]:
        """Of the changes of a call, nats."""
        strand = call[0][0]
        tokens = self._own[strand]
        placed = [on_strand(change, len(tokens)) for change in call]
        changed = [with_change(tokens, *change) for change in placed]
        with scoring(self._model, SHORTER):
            if strand not in self._references:
                self._references[strand] = self._whole([tokens])[0]
            if self._shared:
                begin = _begin(call[0], len(tokens))
                trunk = self._read(strand, begin)
                values = trunk.branches([0] * len(call), [own[begin:] for own in changed])
                begin += 1
            else:
                begin, values = 0, self._whole(changed)
        reference = self._references[strand]
        # What lies before the change has the same probability in both.
        return [
            float(
                value[max(0, place - begin) :].sum(dtype=np.float64)
                - reference[place:].sum(dtype=np.float64)
            )
            for (place, _), value in zip(placed, values, strict=True)
        ]

    def _whole(self, sequences: list[Tokens]) -> list[NDArray[np.float32]]:
        return base_log_likelihoods(self._model, sequences, batch_tokens=self._batch_tokens)

    def _read(self, strand: int, begin: int) -> Trunk:
        """The context up to where a call begins."""
        own, at, trunk = self._trunk
        if own != strand or at > begin:
            at, trunk = 0, Trunk(self._model, 1, self._batch_tokens)
        for stop in self._begins[strand]:
            if at < stop <= begin:
                trunk.read([self._own[strand][at:stop]])
                at = stop
        self._trunk = (strand, at, trunk)
        return trunk


def _begin(change: Change, length: int) -> int:
    """Where the sequences of a call are taken apart: the base before predicts the first change."""
    return max(0, on_strand(change, length)[0] - 1)


def on_strand(change: Change, length: int) -> tuple[int, int]:
    """Place and letter on the change's own strand of a context of so many bases."""
    strand, place, letter = change
    return (length - 1 - place, 3 - letter) if strand else (place, letter)


def with_change(tokens: Tokens, place: int, letter: int) -> Tokens:
    """A copy with the letter there."""
    mutant = tokens.copy()
    mutant[place] = letter
    return mutant
