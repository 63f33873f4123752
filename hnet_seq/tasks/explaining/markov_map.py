"""The dependency map of a Markov model, which within its order is all there is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.dependencies import halves, strongest, substitutions, without_unknown
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.tasks.explaining.substituted import Window
from modalities import dna


def markov_map(
    markov: MarkovModel, window: Window, *, both_strands: bool, counted: bool
) -> NDArray[np.float64]:
    """(L, L) as :func:`hnet_seq.analysis.dependencies.halves`; 0 beyond the model's order,
    NaN of unknown bases.

    Args:
        counted: the model was counted on what is read, which shall not speak for itself.
    """
    strands = [window, window.reverse_complement][: 1 + both_strands]
    if counted:
        with markov.without(window.tokens):
            found = [_half(markov, own) for own in strands]
    else:
        found = [_half(markov, own) for own in strands]
    both = halves(found[0], found[1] if both_strands else None)
    return without_unknown(both, window.letters)


def _half(markov: MarkovModel, window: Window) -> NDArray[np.float64]:
    found = np.zeros((window.length, window.length))
    for place in range(window.length):
        behind = min(markov.order, window.length - 1 - place)
        letters = substitutions(window.letters, place)
        if not letters or not behind:
            continue
        changed = np.repeat(window.tokens[None], 1 + len(letters), 0)
        changed[1:, window.start + place] = letters
        reads = range(window.start + place + 1, window.start + place + 1 + behind)
        expected = _expected(markov, changed, reads)
        found[place, place + 1 : place + 1 + behind] = strongest(expected[0], expected[1:])
    found[np.tril_indices(window.length)] = math.nan
    return found


def _expected(
    markov: MarkovModel, sequences: NDArray[np.uint8], reads: range
) -> NDArray[np.float64]:
    """(sequences, places, 4) log-probabilities of the letters at some places of each."""
    words, ends = [np.array([dna.UNKNOWN], np.uint8)], []
    width = 1
    for tokens in sequences:
        for place in reads:
            before = tokens[max(0, place - markov.order) : place]
            for letter in dna.BASES:
                words += [before, np.array([letter, dna.UNKNOWN], np.uint8)]
                ends.append(width + len(before))
                width += len(before) + 2
    values = markov.log_likelihoods(np.concatenate(words))[ends]
    return values.reshape(len(sequences), len(reads), len(dna.BASES))
