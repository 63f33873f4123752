"""One order-k Markov model of DNA that scores sequences: k-mer counts in place of a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MAX_ORDER, _CountTables, _words

_WORDS_EACH = 100  # occurrences of an average word: one more or less moves a probability by 1%


def order_for(bases: int) -> int:
    """The highest order whose words ``bases`` bases on two strands hold 100 times each on average.

    7 for E. coli, 6 for S. aureus: the orders that predict these genomes best, or one beside.
    """
    order = 0
    while order < MAX_ORDER and 2 * bases >= _WORDS_EACH * 4 ** (order + 2):
        order += 1
    return order


_WRAPPED = 1 << 31  # more than any word is counted


class MarkovModel:
    """P(x | the k bases before) = (n(context x) + a) / (n(context) + 4 a), both strands counted.

    Where fewer than k bases precede without a gap, those there are, with the counts of the lower
    order, as :func:`hnet_seq.evidence.baselines.markov.score_markov_orders`.

    Args:
        documents: (L,) uint8 with A, C, G, T = 0..3; anything above ends the context.
        order: k, 0 to 12.
        smoothing: a.
    """

    def __init__(
        self, documents: Iterable[np.ndarray], order: int, *, smoothing: float = 0.5
    ) -> None:
        if not 0 <= order <= MAX_ORDER:
            raise ValueError(f"order is {order}; the table of counts allows 0..{MAX_ORDER}")
        tables = _CountTables(order)
        for document in documents:
            tables.add(document)
            tables.add(_other_strand(document))
        self.order = order
        self.smoothing = smoothing
        self._counts = dict(tables.descending())

    def log_likelihoods(self, tokens: np.ndarray) -> NDArray[np.float64]:
        """(L,) log-probability of each base, nats; 0 at the first and where there is no base."""
        found = np.zeros(len(tokens))
        for order, positions, words in self._by_order(tokens):
            of_context = self._counts[order].reshape(-1, 4)
            context = of_context[words >> 2].sum(1, dtype=np.float64)
            own = self._counts[order][words] + self.smoothing
            found[positions] = np.log(own) - np.log(context + 4 * self.smoothing)
        found[:1] = 0
        return found

    @contextmanager
    def without(self, tokens: np.ndarray) -> Iterator[None]:
        """Inside the block the words of one stretch of the counted documents are not counted.

        What is scored there would otherwise be favoured by its own presence, once for each strand.

        Raises:
            ValueError: the stretch was never counted: it is of something else.
        """
        removed = [
            (lower, words & (4 ** (lower + 1) - 1))
            for strand in (tokens, _other_strand(tokens))
            for order, _, words in self._by_order(strand)
            for lower in range(order + 1)
        ]
        for order, words in removed:
            np.subtract.at(self._counts[order], words, np.uint32(1))
        try:
            # What falls below zero wraps round.
            if any((self._counts[order][words] > _WRAPPED).any() for order, words in removed):
                raise ValueError(
                    "the Markov model was not counted on this genome: it lacks words of a window; "
                    "count it there"
                )
            yield
        finally:
            for order, words in removed:
                np.add.at(self._counts[order], words, np.uint32(1))

    def _by_order(self, tokens: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Order, positions and codes of the words that end there with that much context."""
        start = 0
        for codes, available in _words(tokens, self.order):
            for order in np.unique(available[available >= 0]).tolist():
                positions = np.flatnonzero(available == order)
                yield order, positions + start, codes[positions] & (4 ** (order + 1) - 1)
            start += len(codes)


def _other_strand(document: np.ndarray) -> np.ndarray:
    return np.where(document < 4, 3 - document, document)[::-1]
