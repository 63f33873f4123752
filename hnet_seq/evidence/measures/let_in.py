"""What F1 and MCC ask of a test, and in what the tests that are let in differ from all tests.

Where few sequences of a class are to be expected, or few calls of it, those tests are let in that
hold more by chance, and F1 and MCC rise with both: intervals that do not know hold F1 in as few as
84% of such tests (``studies/interval_coverage_exact.py``). So a score is held against those of
tests that were let in. Their count is taken for a binomial number of at least so many, and the
score follows the count by its regression on it. (A mean over seeds of training varies less than a
binomial number, so that intervals of several seeds are rather wide.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import betainc

Floats = NDArray[np.float64]

FEWEST = 13  # test sequences of every class
FEWEST_CALLED = {"f1": 8, "mcc": 4}  # that a class was called, mean over seeds of training
_RAREST = 1e-9  # share of the sequences that a count is taken for where it is less


@dataclass(frozen=True)
class LetIn:
    """Tests that hold enough of each of C classes, by each of G counts.

    Attributes:
        parts: (C G, M) what a sequence of each of the M cells adds to each count, 0 to 1.
        fewest: (G,) of each count.
    """

    parts: csr_array
    fewest: NDArray[np.int64]

    def moves(self, tilted: Floats, influence: Floats, sizes: Floats) -> tuple[Floats, Floats]:
        """How much higher the score of such a test is on average, and how much less it varies.

        Of each class the count that is hardest to reach: of a good classifier its members and its
        calls go together.

        Args:
            tilted: (M, R) shares of the cells among all sequences, which sum to 1.
            influence: (M, R) of each cell on the score.
            sizes: (R,) sequences of a test.

        Returns:
            What is added to the mean, and what is taken off the variance, (R,) each.
        """
        carried = tilted * influence
        share = self._counted(self.parts, tilted)
        with_score = self._counted(self.parts, carried) - share * carried.sum(axis=0)
        varies = np.maximum(self._counted(self._squares, tilted) - share**2, _RAREST)
        mean, part_left = self._truncated(share, sizes)
        beyond = mean / sizes - share
        hardest = (beyond / np.sqrt(varies)).argmax(axis=1, keepdims=True)
        shift = with_score / varies * beyond
        removed = with_score**2 / varies / sizes * (1 - part_left)
        return _sum_of(shift, hardest), _sum_of(removed, hardest)

    @cached_property
    def _squares(self) -> csr_array:
        return self.parts.multiply(self.parts).tocsr()

    def _counted(self, parts: csr_array, of_cells: Floats) -> Floats:
        """(M, R) to (C, G, R)."""
        counted: Floats = parts @ of_cells
        return counted.reshape(-1, len(self.fewest), counted.shape[1])

    def _truncated(self, share: Floats, sizes: Floats) -> tuple[Floats, Floats]:
        """Mean of binomial numbers that reach the fewest; how much of the variance they have."""
        share = np.clip(share, _RAREST, 1 - _RAREST)
        fewest = self.fewest[:, None]
        others = np.maximum(sizes - fewest + 1, 1)
        # P(N >= f) of n draws is the incomplete beta function of f and n - f + 1.
        let_in = betainc(fewest, others, share)
        all_of = sizes * share
        mean = all_of * betainc(fewest - 1, others, share) / let_in
        pairs = all_of * (sizes - 1) * share * betainc(fewest - 2, others, share) / let_in
        variance = np.maximum(pairs + mean - mean**2, 0)
        return mean, np.minimum(variance / (all_of * (1 - share)), 1)


def _sum_of(each: Floats, chosen: NDArray[np.int64]) -> Floats:
    """(C, G, R) to (R,): of each class the count that is chosen, (C, 1, R)."""
    found: Floats = np.take_along_axis(each, chosen, axis=1).sum(axis=(0, 1))
    return found
