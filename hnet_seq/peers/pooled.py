"""One vector of a sequence from the hidden states of another model's tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.peers.calls import Calls, Window
from hnet_seq.peers.letters import DnaTokenizer, Spelled
from modalities.base import Tokens

Named = Sequence[tuple[str, Tokens]]
Pooled = Callable[[DnaTokenizer, Calls, int, Named], NDArray[np.float64]]


def mean_pooled(
    tokenizer: DnaTokenizer, calls: Calls, layer: int, named: Named
) -> NDArray[np.float64]:
    """(N, D) the mean over the tokens of each sequence, of all its windows."""
    spelled = [tokenizer.spell(own, name) for name, own in named]
    found = np.zeros(0)
    for windows, inside in _states(calls, layer, spelled, named):
        sums = inside.double().sum(1).cpu().numpy()
        found = found if len(found) else np.zeros((len(named), sums.shape[1]))
        for window, own in zip(windows, sums, strict=True):
            found[window.sequence] += own
    return found / np.array([len(own.ids) for own in spelled])[:, None]


def middle_pooled(
    tokenizer: DnaTokenizer, calls: Calls, layer: int, named: Named
) -> NDArray[np.float64]:
    """(N, D) of the token that stands for the middle base of each sequence of odd length.

    Raises:
        InputError: a sequence of more tokens than a call: at the border of a window the base would
            be read without what stands before it.
    """
    spelled = [tokenizer.spell(own, name) for name, own in named]
    for (name, _), own in zip(named, spelled, strict=True):
        calls.check_fits(own, name)
    tokens = [
        int(np.searchsorted(np.cumsum(own.bases), int(own.bases.sum()) // 2, side="right"))
        for own in spelled
    ]
    found = np.zeros(0)
    for windows, inside in _states(calls, layer, spelled, named):
        states = inside.double().cpu().numpy()
        found = found if len(found) else np.zeros((len(named), states.shape[2]))
        for window, own in zip(windows, states, strict=True):
            place = tokens[window.sequence]
            if window.start <= place < window.stop:
                found[window.sequence] = own[place - window.start]
    return found


def _states(
    calls: Calls, layer: int, spelled: Sequence[Spelled], named: Named
) -> Iterator[tuple[Sequence[Window], Tensor]]:
    """Windows of one length, and the states (W, L, D) of their tokens."""
    for windows, ids in calls.of(spelled, [name for name, _ in named]):
        states = calls.forward(ids, output_hidden_states=True).hidden_states[layer]
        yield windows, states[:, calls.first :][:, : len(windows[0])]
