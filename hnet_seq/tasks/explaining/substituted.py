"""Every substitution in a stretch: what it changes behind it, read by a causal or a masked model.

A causal model reads the bases before a block of places once, and goes on from there with each
substitution. A masked model reads the whole window with each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.analysis.dependencies import strongest, substitutions
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import in_calls
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.explaining.continued import Beginning, likelihood
from modalities import dna
from modalities.base import Tokens

BLOCK = 16  # places that share what lies before the first of them
EFFECTS = len(dna.BASES)

Rows: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """A stretch in what is read around it.

    Attributes:
        tokens: (W,) what the model reads.
        start, end: 0-based bounds of the stretch in them.
    """

    tokens: Tokens
    start: int
    end: int

    @property
    def length(self) -> int:
        """Bases of the stretch."""
        return self.end - self.start

    @property
    def letters(self) -> Tokens:
        """(L,) of the stretch."""
        return self.tokens[self.start : self.end]

    @property
    def reverse_complement(self) -> Window:
        """The same on the other strand."""
        width = len(self.tokens)
        return Window(dna.reverse_complement(self.tokens), width - self.end, width - self.start)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Bounds of consecutive places of the stretch, which are computed together."""
        for first in range(0, self.length, BLOCK):
            yield first, min(first + BLOCK, self.length)

    def cost(self, first: int, last: int, *, whole: bool) -> int:
        """Tokens that :func:`rows_of` reads for a block.

        Args:
            whole: all of the window with each substitution.
        """
        if whole:
            return (3 * (last - first) + 1) * len(self.tokens)
        behind = self.length - first
        return self.start + first + (3 * (last - first) + 1) * behind


def rows_of(
    model: HNetLanguageModel, window: Window, first: int, last: int, batch_tokens: int
) -> Rows:
    """(last - first, L + 4): of each place that is substituted the dependency of each place of the
    stretch on it, and what A, C, G or T there does to the log-likelihood of the stretch, nats.

    NaN where that is not known: of an unknown base; before the substitution and of likelihoods of
    a model that is not causal.
    """
    if isinstance(model, HNetForCausalLM):
        return _causal(model, window, first, last, batch_tokens)
    return _masked(model, window, first, last, batch_tokens)


def _causal(
    model: HNetForCausalLM, window: Window, first: int, last: int, batch_tokens: int
) -> Rows:
    begin = window.start + first
    own = window.tokens[begin : window.end]
    tokens = window.tokens
    beginning = Beginning(model, tokens[:begin], batch_tokens, tokens[window.end :])
    length = beginning.beside + len(own)
    found = np.full((last - first, window.length + EFFECTS), math.nan, np.float32)
    for group in _groups(own, last - first, length, batch_tokens, beginning.most):
        changed = [_with(own, place, letter) for place, letter in group]
        # The sequence itself goes in each call, whose rounding depends on all that is in it; but
        # not with what of counted text is judged otherwise, which differs by more than rounding.
        reference, *expected = beginning.expected([own, *changed])
        of_reference = likelihood(reference, own)
        by_place: dict[int, list[Rows]] = {}
        for (place, letter), tokens, values in zip(group, changed, expected, strict=True):
            by_place.setdefault(place, []).append(values)
            effect = likelihood(values, tokens)[place:].sum() - of_reference[place:].sum()
            found[place, window.length + letter] = effect
        for place, several in by_place.items():
            found[place, window.length + int(own[place])] = 0.0
            behind = slice(place + 1, None)
            depends = strongest(reference[behind], np.stack(several)[:, behind])
            _keep_largest(found[place, first + place + 1 : window.length], depends)
    return found


def _masked(
    model: HNetLanguageModel, window: Window, first: int, last: int, batch_tokens: int
) -> Rows:
    found = np.full((last - first, window.length + EFFECTS), math.nan, np.float32)
    here = slice(window.start, window.end)
    own = window.tokens[window.start + first : window.start + last]
    for group in _groups(own, last - first, len(window.tokens), batch_tokens, batch_tokens):
        changed = [_with(window.tokens, window.start + first + place, x) for place, x in group]
        reference, *expected = _expected_by_masked(model, [window.tokens, *changed], batch_tokens)
        by_place: dict[int, list[Rows]] = {}
        for (place, _), values in zip(group, expected, strict=True):
            by_place.setdefault(place, []).append(values[here])
        for place, several in by_place.items():
            depends = strongest(reference[here], np.stack(several))
            depends[first + place] = math.nan
            _keep_largest(found[place, : window.length], depends)
    return found


def _keep_largest(row: Rows, values: NDArray[np.float64]) -> None:
    """In place; the substitutions of a base may be in several calls."""
    np.fmax(row, values.astype(np.float32), out=row)


def _groups(
    own: Tokens, places: int, length: int, batch_tokens: int, most: int
) -> Iterator[Sequence[tuple[int, int]]]:
    """Place and letter of substitutions, those of a call together, with room for the reference."""
    changes = [(p, letter) for p in range(places) for letter in substitutions(own, p)]
    room = max(batch_tokens - length, length)
    yield from in_calls(changes, room, lambda _: length, max(most - 1, 1))


def _with(tokens: Tokens, place: int, letter: int) -> Tokens:
    changed = tokens.copy()
    changed[place] = letter
    return changed


@torch.inference_mode()
def _expected_by_masked(
    model: HNetLanguageModel, sequences: Sequence[Tokens], batch_tokens: int
) -> list[Rows]:
    """(W, 4) log-probabilities at each place of sequences that are shown as they are."""
    device = model.embeddings.weight.device
    found: list[Rows] = []
    read: Callable[[Tokens], int] = len
    for call in in_calls(sequences, batch_tokens, read):
        ids = torch.from_numpy(np.concatenate(call).astype(np.int64)).to(device)
        packing = Packing.from_lengths([len(tokens) for tokens in call], device)
        logits = model.logits(model.encode(ids, packing)).float()
        expected = logits.log_softmax(1)[:, : len(dna.BASES)].cpu().numpy()
        found += np.split(expected, len(call))
    return found
