"""Nucleotide dependencies: how much a substituted base changes what is expected of another.

Of a base i that is substituted by k and a base j, the change of the log-odds of each letter at j,
base 2; the dependency is the largest size over the letters at j and over the three k (Tomaz da
Silva, Karollus, Hingerl et al., Nucleotide dependency analysis of genomic language models detects
functional elements, Nature Genetics 57, 2025, Methods, "Nucleotide dependencies and variant
influence score"; https://github.com/gagneurlab/dependencies_DNALM). Probabilities are of the four
letters, which add up to 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from modalities import dna
from modalities.base import Tokens

Floats = NDArray[np.float64]

_LEAST = 1e-10  # of a probability, as in the authors' code


def log_odds(log_probabilities: NDArray[np.floating]) -> Floats:
    """(..., 4) natural logarithms, of the letters among others, to log2 odds among the four."""
    chances = np.exp(np.asarray(log_probabilities, np.float64))
    chances = chances / chances.sum(-1, keepdims=True) + _LEAST
    chances /= chances.sum(-1, keepdims=True)
    others = chances.sum(-1, keepdims=True) - chances
    found: Floats = np.log2(chances) - np.log2(others)
    return found


def strongest(reference: NDArray[np.floating], changed: NDArray[np.floating]) -> Floats:
    """The dependency of each place on one that is substituted.

    Args:
        reference: (n, 4) log-probabilities of the letters at each place.
        changed: (k, n, 4) the same with each of k substitutions.

    Returns:
        (n,) the largest size of a change of log2 odds; NaN where there is no probability.
    """
    found: Floats = np.abs(log_odds(changed) - log_odds(reference)).max((0, 2))
    return found


def substitutions(tokens: Tokens, place: int) -> list[int]:
    """The letters that may stand there instead; none for an unknown base."""
    own = int(tokens[place])
    return [letter for letter in dna.BASES if letter != own] if own in dna.BASES else []


def other_strand(half: NDArray[np.floating]) -> NDArray[np.floating]:
    """(L, L) by places of the reverse complement to places of the sequence."""
    return half[::-1, ::-1]


def halves(forward: Floats, reverse: Floats | None) -> Floats:
    """One map of two halves, which a causal model gives on the two strands.

    Args:
        forward: (L, L) whose places j behind i are known.
        reverse: the same of the reverse complement, by its places; None: the other half is not.

    Returns:
        (L, L): right of the diagonal what i does to a later j, left of it, read from the other
        strand, what it does to an earlier one; NaN where it is not known.
    """
    length = len(forward)
    behind = np.triu(np.ones((length, length), bool), 1)
    found = np.where(behind, forward, math.nan)
    if reverse is not None:
        found = np.where(behind.T, other_strand(reverse), found)
    return found


def without_unknown(found: Floats, tokens: Tokens) -> Floats:
    """A map without the rows and columns of unknown bases, and without its diagonal."""
    known = tokens <= max(dna.BASES)
    found = np.where(known[:, None] & known[None, :], found, math.nan)
    np.fill_diagonal(found, math.nan)
    return found
