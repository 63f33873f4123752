"""How often each word of 1 to 6 bases occurs, for tens of thousands of sequences.

Words of 5 and 6 bases are 5,120 columns, nearly all of them 0 in a sequence of a few hundred bases:
they are kept sparse, and centred by what is added to a product rather than in the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from hnet_seq.evidence.probes.sequence_features import word_frequencies

LONGEST = 6
_DENSE = 4  # longest word whose columns are mostly filled

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Words:
    """Shares of words among the words of their length, of N sequences.

    Attributes:
        short: (N, D) of words up to 4 bases, as :func:`word_frequencies` has them.
        long: (N, S) of the longer ones, sparse.
    """

    short: Floats
    long: csr_array

    def __len__(self) -> int:
        return len(self.short)

    def rows(self, members: NDArray[np.integer]) -> Words:
        """Those sequences alone."""
        return Words(self.short[members], self.long[members])


def count_words(
    sequences: Sequence[np.ndarray], *, both_strands: bool = False, longest: int = LONGEST
) -> Words:
    """Words of sequences of DNA tokens; a word that holds another letter than A, C, G, T is left
    out.

    Args:
        both_strands: a word and its reverse complement are one.
        longest: from 5.
    """
    short = word_frequencies(sequences, _DENSE, both_strands=both_strands)
    parts = [_shares(sequences, size, both_strands) for size in range(_DENSE + 1, longest + 1)]
    return Words(short, csr_array(hstack(parts, format="csr")))


def _shares(sequences: Sequence[np.ndarray], size: int, both_strands: bool) -> csr_array:
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    tokens = np.concatenate(sequences)
    row = np.repeat(np.arange(len(sequences)), lengths)
    first = np.arange(max(len(tokens) - size + 1, 0))
    whole = row[first] == row[first + size - 1] if len(first) else np.zeros(0, bool)
    word = np.zeros(len(first), np.int64)
    for place in range(size):
        letter = tokens[place : place + len(first)]
        whole &= letter < 4
        word = word * 4 + np.where(letter < 4, letter, 0)
    columns = 4**size
    if both_strands:
        kept, place_of = _one_of_two(size)
        word, columns = place_of[word], len(kept)
    cell = row[first[whole]] * columns + word[whole]
    cells, counts = np.unique(cell, return_counts=True)
    at = cells // columns
    total = np.bincount(at, weights=counts, minlength=len(sequences))
    starts = np.searchsorted(at, np.arange(len(sequences) + 1))
    shares = counts / total[at]
    return csr_array((shares, cells % columns, starts), shape=(len(sequences), columns))


def _one_of_two(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Words that come first of themselves and their reverse complement; and each word's column."""
    word = np.arange(4**size)
    other = np.zeros_like(word)
    for place in range(size):
        other |= (3 - (word >> 2 * place & 3)) << 2 * (size - 1 - place)
    kept, place_of = np.unique(np.minimum(word, other), return_inverse=True)
    return kept, place_of


class Standardised:
    """Words of mean 0 and variance 1 over the sequences they were fitted on, as products.

    Attributes:
        means, scales: (F,) of the columns; constant ones have scale 1.

    Args:
        power: of the deviations that columns are divided by. 1 gives each the variance 1, so that
            rare words say as much as common ones; below 1 common words say more. The mean variance
            is 1 in any case.
    """

    def __init__(
        self, words: Words, fitted: Standardised | None = None, *, power: float = 1.0
    ) -> None:
        self._words = words
        if fitted is None:
            mean = np.concatenate([words.short.mean(0), words.long.sum(0) / len(words)])
            squares = words.long.multiply(words.long).sum(0) / len(words)
            spare = squares - mean[words.short.shape[1] :] ** 2
            scale = np.sqrt(np.concatenate([words.short.var(0), np.maximum(spare, 0)]))
            constant = scale <= 1e-9 * np.maximum(1, np.abs(mean))
            if power != 1 and not constant.all():
                left = scale ** (1 - power)
                scale = scale**power * np.sqrt(np.mean(left[~constant] ** 2))
            scale[constant] = 1
            self.means, self.scales = mean, scale
        else:
            self.means, self.scales = fitted.means, fitted.scales

    @property
    def columns(self) -> int:
        """F."""
        return len(self.means)

    @property
    def dense_size(self) -> int:
        """Numbers of the part that BLAS multiplies; the sparse one is no work of its threads."""
        return self._words.short.size

    def times(self, weights: Floats) -> Floats:
        """(F, K) weights to (N, K)."""
        scaled = weights / self.scales[:, None]
        short = self._words.short.shape[1]
        found = self._words.short @ scaled[:short] + self._words.long @ scaled[short:]
        return np.asarray(found - self.means @ scaled)

    def back(self, residuals: Floats) -> Floats:
        """(N, K) to (F, K), with the transposed matrix."""
        words = self._words
        found = np.concatenate([words.short.T @ residuals, words.long.T @ residuals])
        found -= np.outer(self.means, residuals.sum(0))
        return np.asarray(found / self.scales[:, None])
