"""How much likelier windows are with an edit than without it, all that they share computed once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import in_calls
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.branches import Trunk, can_branch, most_branches
from hnet_seq.tasks.scoring.likelihoods import base_log_likelihoods
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
        windows: by key, tokens (L,); the reference's too where it is computed here.
        begins: where they are taken apart: they share a token more, which predicts the next.
        tokens: of one pass over each part.
    """

    windows: dict[Hashable, Tokens]
    begins: int
    tokens: int


class WindowPairs:
    """Differences by key, computed when they are asked for, with all that share their call.

    The calls are those of one pass over all windows, so that what is asked for, and in which order,
    changes no bit. The caller sees to the model's mode
    (:func:`hnet_seq.tasks.scoring.likelihoods.scoring`).

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
        """Of each strand, nats; see :func:`difference`."""
        return [self._difference(own, key) for own in self._strands]

    def _difference(self, strand: _Strand, key: Hashable) -> float:
        reference = strand.reference_of[key]
        for wanted in (key, reference):
            if wanted not in strand.found:
                self._compute(strand, strand.call_of[wanted])
        one, two = strand.references[self._pairs[key].reference], strand.changed[key]
        return difference(one, two, strand.found[reference], strand.found[key])

    def _compute(self, strand: _Strand, call: list[_Group]) -> None:
        keys = [key for group in call for key in group.windows]
        windows = [own for group in call for own in group.windows.values()]
        if self._shared:
            trunk = Trunk(self._model, len(call), self._batch_tokens)
            trunk.read([next(iter(x.windows.values()))[: x.begins] for x in call])
            owners = [index for index, group in enumerate(call) for _ in group.windows]
            endings = [own[x.begins :] for x in call for own in x.windows.values()]
            values = trunk.branches(owners, endings)
        else:
            values = base_log_likelihoods(
                self._model,
                windows,
                batch_tokens=self._batch_tokens,
                names=["of a window"] * len(windows),
            )
        strand.found |= zip(keys, values, strict=True)


class _Strand:
    """The windows of one strand.

    Attributes:
        references, changed: tokens (L,) by key.
        reference_of: the key under which the reference of a pair is computed.
        call_of: the groups that a window is computed with, by key.
        found: by key log-probabilities (n,) up to the window's end, nats.
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
        self.found: dict[Hashable, NDArray[np.float32]] = {}
        self._of_reference = {key: pair.reference for key, pair in pairs.items()}

    def cut(self, most: int, batch_tokens: int, shared: bool) -> None:
        """Into calls of at most ``most`` groups."""
        for call in in_calls(self._groups(shared), batch_tokens, attrgetter("tokens"), most):
            self.call_of |= {key: call for group in call for key in group.windows}

    def _groups(self, shared: bool) -> list[_Group]:
        """Windows of each reference that part from it at one place, the earliest first.

        The first of them has the reference too: what the others need of it, it has.
        """
        of_reference: dict[Hashable, dict[int, dict[Hashable, Tokens]]] = {}
        for key, tokens in self.changed.items():
            reference = self.references[self._of_reference[key]]
            first = first_difference(reference, tokens) if shared else 0
            by_place = of_reference.setdefault(self.reference_of[key], {})
            by_place.setdefault(first, {})[key] = tokens
        groups = []
        for name, by_place in of_reference.items():
            any_key = next(iter(next(iter(by_place.values()))))
            windows = {name: self.references[self._of_reference[any_key]]}
            for first in sorted(by_place):
                windows |= by_place[first]
                # Whichever of two windows is the reference, they are computed in one order.
                windows = dict(sorted(windows.items(), key=lambda own: bytes(own[1])))
                begins = max(0, first - 1)
                size = begins + sum(len(own) - begins for own in windows.values())
                groups.append(_Group(windows, begins, size))
                windows = {}
        return groups


def difference(
    reference: Tokens, changed: Tokens, of_reference: np.ndarray, of_changed: np.ndarray
) -> float:
    """Nats by which ``changed`` is more likely than ``reference``, from the first other base on.

    Each base that has a probability is held against a random letter, log 1/4: windows of other
    lengths so compare by what the model knows and not by how many bases it had to predict. Where
    both have as many such bases the term is zero.

    Args:
        of_reference, of_changed: log-probabilities of all bases, or of the last ones.
    """
    first = first_difference(reference, changed)
    likelihood, of_other = (
        float(values[max(0, first - len(tokens) + len(values)) :].sum(dtype=np.float64))
        for tokens, values in ((changed, of_changed), (reference, of_reference))
    )
    gained = scored_bases(changed) - scored_bases(reference)
    return likelihood - of_other + math.log(4) * gained


def first_difference(one: Tokens, two: Tokens) -> int:
    """Index of the first base that differs; the shorter length where none does."""
    length = min(len(one), len(two))
    differ = np.flatnonzero(one[:length] != two[:length])
    return int(differ[0]) if len(differ) else length


def scored_bases(tokens: Tokens) -> int:
    """Bases that are known and have a predecessor."""
    return int(np.count_nonzero(tokens[1:] < dna.UNKNOWN))
