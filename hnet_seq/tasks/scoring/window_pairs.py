"""How much likelier windows are with an edit than without it, all that they share computed once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import in_calls
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.branches import Trunk, can_branch, most_branches
from hnet_seq.tasks.scoring.likelihoods import (
    SHORTER,
    base_log_likelihoods,
    first_difference,
    scored_bases,
    scoring,
)
from modalities import dna
from modalities.base import Tokens


@dataclass(frozen=True)
class Pair:
    """A window with an edit, and the key of the one without it."""

    reference: Hashable
    changed: Tokens


@dataclass(frozen=True)
class _Group:
    """Windows of one beginning.

    Attributes:
        first: how many tokens of all of them are the same, at least.
        windows: by key, tokens (L,); the reference's too where it is computed here.
    """

    first: int
    windows: dict[Hashable, Tokens]

    @property
    def begins(self) -> int:
        """Where the windows are taken apart: they share a token more, which predicts the next."""
        return max(0, self.first - 1)

    @property
    def tokens(self) -> int:
        """Of one pass over each part."""
        return self.begins + sum(len(own) - self.begins for own in self.windows.values())


class WindowPairs:
    """Differences by key, computed when they are asked for, with all that share their call.

    The calls are those of one pass over all windows, so that what is asked for, and in which order,
    changes no bit.

    Args:
        references: tokens (L,) of windows without an edit, those of the pairs among them.
        pairs: those with one.
        strands: ``average`` for both, ``none`` for the forward one.
        alone: each pair in calls of its own, so that its bits depend on nothing but its tokens, and
            not on which of them is the reference.
    """

    def __init__(
        self,
        model: HNetForCausalLM,
        references: Mapping[Hashable, Tokens],
        pairs: Mapping[Hashable, Pair],
        strands: Strands,
        batch_tokens: int,
        *,
        alone: bool = False,
    ) -> None:
        self._model = model
        self._batch_tokens = batch_tokens
        self._pairs = pairs
        self._shared = can_branch(model)
        self._strands = [
            _Strand(references, pairs, alone),
            *([_Strand(references, pairs, alone, turned=True)] if strands == "average" else []),
        ]
        most = batch_tokens
        if self._shared:
            windows = [*references.values(), *(pair.changed for pair in pairs.values())]
            most = most_branches(model, max(map(len, windows), default=1))
        for own in self._strands:
            own.cut(1 if alone else most, batch_tokens, self._shared)

    def tokens(self, key: Hashable) -> list[tuple[Tokens, Tokens]]:
        """Of each strand the windows without and with the edit."""
        reference = self._pairs[key].reference
        return [(own.references[reference], own.changed[key]) for own in self._strands]

    def differences(self, key: Hashable) -> list[float]:
        """Of each strand, nats; see :func:`hnet_seq.tasks.scoring.likelihoods.difference`."""
        return [self._difference(own, key) for own in self._strands]

    def _difference(self, strand: _Strand, key: Hashable) -> float:
        reference = strand.reference_of[key]
        for wanted in (key, reference):
            if wanted not in strand.found:
                self._compute(strand, strand.call_of[wanted])
        one, two = strand.references[self._pairs[key].reference], strand.changed[key]
        first = first_difference(one, two)
        sums = []
        for wanted in (reference, key):
            begin, values = strand.found[wanted]
            sums.append(float(values[max(0, first - begin) :].sum(dtype=np.float64)))
        return sums[1] - sums[0] + math.log(4) * (scored_bases(two) - scored_bases(one))

    def _compute(self, strand: _Strand, call: list[_Group]) -> None:
        keys = [key for group in call for key in group.windows]
        windows = [own for group in call for own in group.windows.values()]
        with scoring(self._model, SHORTER):
            if not self._shared:
                names = ["of a window"] * len(windows)
                values = base_log_likelihoods(
                    self._model, windows, batch_tokens=self._batch_tokens, names=names
                )
                strand.found |= {key: (0, own) for key, own in zip(keys, values, strict=True)}
                return
            trunk = Trunk(self._model, len(call), self._batch_tokens)
            trunk.read([next(iter(x.windows.values()))[: x.begins] for x in call])
            owners = [index for index, group in enumerate(call) for _ in group.windows]
            begins = [call[owner].begins for owner in owners]
            endings = [own[begin:] for own, begin in zip(windows, begins, strict=True)]
            found = trunk.branches(owners, endings)
        for key, begin, own in zip(keys, begins, found, strict=True):
            strand.found[key] = (begin + 1, own)


class _Strand:
    """The windows of one strand.

    Attributes:
        references, changed: tokens (L,) by key.
        reference_of: the key under which the reference of a pair is computed.
        call_of: the groups that a window is computed with, by key.
        found: by key the index of the first log-probability, and (n,) nats to the window's end.
    """

    def __init__(
        self,
        references: Mapping[Hashable, Tokens],
        pairs: Mapping[Hashable, Pair],
        alone: bool,
        turned: bool = False,
    ) -> None:
        def own(tokens: Tokens) -> Tokens:
            return dna.reverse_complement(tokens) if turned else tokens

        wanted = {pair.reference for pair in pairs.values()}
        self.references = {key: own(references[key]) for key in wanted}
        self.changed = {key: own(pair.changed) for key, pair in pairs.items()}
        self.reference_of: dict[Hashable, Hashable] = {
            key: ("reference", key if alone else pair.reference) for key, pair in pairs.items()
        }
        self.call_of: dict[Hashable, list[_Group]] = {}
        self.found: dict[Hashable, tuple[int, NDArray[np.float32]]] = {}
        self._of_reference = {key: pair.reference for key, pair in pairs.items()}

    def cut(self, most: int, batch_tokens: int, shared: bool) -> None:
        """Into calls of at most ``most`` groups."""
        for call in in_calls(self._groups(shared), batch_tokens, lambda group: group.tokens):
            for first in range(0, len(call), most):
                part = call[first : first + most]
                self.call_of |= {key: part for group in part for key in group.windows}

    def _groups(self, shared: bool) -> Iterator[_Group]:
        """Windows of each reference that part from it at one place, the earliest first.

        The first of them has the reference too: what the others need of it, it has.
        """
        of_reference: dict[Hashable, dict[int, dict[Hashable, Tokens]]] = {}
        for key, tokens in self.changed.items():
            reference = self.references[self._of_reference[key]]
            first = first_difference(reference, tokens) if shared else 0
            by_place = of_reference.setdefault(self.reference_of[key], {})
            by_place.setdefault(first, {})[key] = tokens
        for name, by_place in of_reference.items():
            any_key = next(iter(next(iter(by_place.values()))))
            windows = {name: self.references[self._of_reference[any_key]]}
            for first in sorted(by_place):
                windows |= by_place[first]
                # Whichever of two windows is the reference, they are computed in one order.
                yield _Group(first, dict(sorted(windows.items(), key=lambda own: bytes(own[1]))))
                windows = {}
