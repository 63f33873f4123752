"""Order-k Markov models of DNA: what a language model of a genome has to be better than."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

MAX_ORDER = 12
"""Beyond order 12 the table of counts (4**13 x 4 bytes = 256 MiB) outgrows what it can tell."""

_BLOCK = 1 << 20  # positions a step: bounds the temporaries to some 50 MB
_WORDS_EACH = 100  # occurrences of an average word: one more or less moves a probability by 1%
_WRAPPED = 1 << 31  # more than any word is counted


class OrderScore(TypedDict):
    order: int
    bits_per_base: float


class MarkovScores(TypedDict):
    orders: list[OrderScore]
    best_order: int
    both_strands: bool
    train_bases: int
    scored_bases: int
    smoothing: float


def score_markov_orders(
    train: Iterable[np.ndarray],
    validation: Iterable[np.ndarray],
    *,
    max_order: int = MAX_ORDER,
    both_strands: bool = True,
    smoothing: float = 0.5,
) -> MarkovScores:
    """Fit the orders 0..``max_order`` on ``train`` and score each on ``validation``.

    Documents are (length,) uint8 arrays with A, C, G, T = 0..3; anything above 3 is no base and
    ends the context. P(x | context) = (n(context x) + a) / (n(context) + 4 a), a = ``smoothing``.

    Scored is what a causal language model scores: every base of a validation document but its
    first. Where fewer than k bases precede without a gap (the second to k-th base of a document,
    and the bases after an N) order k uses all that do, with the counts of that lower order.

    ``both_strands`` counts the reverse complement of each training document too; the validation
    documents are scored as they stand. ``train_bases`` counts each base once all the same.

    Memory does not grow with ``train``: some 0.6 GB for order 12, a quarter for each order less,
    and 5 bytes a validation base.

    Raises ValueError when ``max_order`` is outside 0..12 or there is no base to score.
    """
    if not 0 <= max_order <= MAX_ORDER:
        raise ValueError(f"max_order is {max_order}; the table of counts allows 0..{MAX_ORDER}")
    tables = _CountTables(max_order)
    train_bases = 0
    for document in train:
        train_bases += int(np.count_nonzero(document < 4))
        tables.add(document)
        if both_strands:
            tables.add(_other_strand(document))

    codes, available = _scored_positions(validation, max_order)
    if not len(codes):
        raise ValueError("the validation documents hold no base to score")
    # Position t costs order k the bits of order min(k, available[t]): what has run out of context
    # at order j stays at the price it had there.
    total_bits = np.zeros(max_order + 1)
    for order, counts in tables.descending():
        usable = available >= order
        bits = _bits(counts, codes[usable] & (4 ** (order + 1) - 1), smoothing)
        total_bits[order] += bits.sum()
        total_bits[order + 1 :] += bits[available[usable] == order].sum()

    bits_per_base = total_bits / len(codes)
    return MarkovScores(
        orders=[
            OrderScore(order=order, bits_per_base=float(bits))
            for order, bits in enumerate(bits_per_base)
        ],
        best_order=int(bits_per_base.argmin()),
        both_strands=both_strands,
        train_bases=train_bases,
        scored_bases=len(codes),
        smoothing=smoothing,
    )


def order_for(bases: int) -> int:
    """The highest order whose words ``bases`` bases on two strands hold 100 times each on average.

    7 for E. coli, 6 for S. aureus: the orders that predict these genomes best, or one beside.
    """
    order = 0
    while order < MAX_ORDER and 2 * bases >= _WORDS_EACH * 4 ** (order + 2):
        order += 1
    return order


class MarkovModel:
    """P(x | the k bases before) = (n(context x) + a) / (n(context) + 4 a), both strands counted.

    Where fewer than k bases precede without a gap, those there are, with the counts of the lower
    order, as :func:`score_markov_orders`.

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

    def log_likelihoods(
        self, tokens: np.ndarray, *, leave_own_out: bool = False
    ) -> NDArray[np.float64]:
        """(L,) log-probability of each base, nats; 0 at the first and where there is no base.

        Args:
            leave_own_out: the tokens were counted, and no base's own word shall speak for it, nor
                that word on the other strand.
        """
        found = np.zeros(len(tokens))
        for order, positions, words in self._by_order(tokens):
            of_context = self._counts[order].reshape(-1, 4)
            context = of_context[words >> 2].sum(1, dtype=np.float64)
            own = self._counts[order][words] + self.smoothing
            if leave_own_out:
                other = _complement(words, order + 1)
                context -= 1 + (other >> 2 == words >> 2)
                own -= 1 + (other == words)
            found[positions] = np.log(own) - np.log(context + 4 * self.smoothing)
        found[:1] = 0
        return found

    def distributions(self, tokens: np.ndarray) -> NDArray[np.float64]:
        """(L, 4) log-probabilities of A, C, G, T, nats; NaN at the first and at unknown ones."""
        found = np.full((len(tokens), 4), np.nan)
        for order, positions, words in self._by_order(tokens):
            counts = self._counts[order].reshape(-1, 4)[words >> 2] + self.smoothing
            found[positions] = np.log(counts) - np.log(counts.sum(1, keepdims=True))
        found[:1] = np.nan
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


def _complement(words: np.ndarray, bases: int) -> np.ndarray:
    """Codes of words as the other strand has them."""
    found = np.zeros_like(words)
    for place in range(bases):
        found = (found << 2) | (3 - ((words >> (2 * place)) & 3))
    return found


class _CountTables:
    """Counts of words of max_order + 1 bases, and of the shorter words that begin a run of bases.

    A word of k + 1 bases is the end of a word of k + 2 bases unless nothing precedes it, so the
    counts of order k are those of order k + 1 summed over the leading base plus those beginnings.
    """

    def __init__(self, max_order: int) -> None:
        self.max_order = max_order
        self.full = np.zeros(4 ** (max_order + 1), np.uint32)
        self.beginnings = [np.zeros(4 ** (order + 1), np.uint32) for order in range(max_order)]

    def add(self, document: np.ndarray) -> None:
        for codes, available in _words(document, self.max_order):
            np.add.at(self.full, codes[available == self.max_order], np.uint32(1))
            short = np.flatnonzero((available >= 0) & (available < self.max_order))
            for order in np.unique(available[short]):
                words = codes[short[available[short] == order]] & (4 ** (int(order) + 1) - 1)
                np.add.at(self.beginnings[order], words, np.uint32(1))

    def descending(self) -> Iterator[tuple[int, np.ndarray]]:
        """(order, counts (4**(order+1),)) from the highest order down to 0."""
        counts = self.full
        yield self.max_order, counts
        for order in range(self.max_order - 1, -1, -1):
            counts = counts.reshape(4, -1).sum(0, dtype=np.uint32) + self.beginnings[order]
            yield order, counts


def _words(document: np.ndarray, max_order: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Per block of positions: the code of the word ending there, and the bases before it.

    code int64, base 4, latest base in the lowest digit; available int8: the bases that precede
    without a gap, at most ``max_order``, or -1 where the position itself is no base.
    """
    for start in range(0, len(document), _BLOCK):
        lead = max(0, start - max_order)
        block = document[lead : start + _BLOCK]
        is_base = block < 4
        digits = np.where(is_base, block, 0).astype(np.int64)
        codes = digits.copy()
        for distance in range(1, min(max_order, len(block) - 1) + 1):
            codes[distance:] += digits[:-distance] << (2 * distance)
        positions = np.arange(len(block))
        latest_gap = np.maximum.accumulate(np.where(is_base, -1, positions))
        available = np.minimum(positions - latest_gap - 1, max_order).astype(np.int8)
        yield codes[start - lead :], available[start - lead :]


def _scored_positions(
    documents: Iterable[np.ndarray], max_order: int
) -> tuple[np.ndarray, np.ndarray]:
    codes_of, available_of = [np.empty(0, np.int32)], [np.empty(0, np.int8)]
    for document in documents:
        first = True
        for codes, available in _words(document, max_order):
            scored = available >= 0
            scored[0] &= not first
            first = False
            codes_of.append(codes[scored].astype(np.int32))
            available_of.append(available[scored])
    return np.concatenate(codes_of), np.concatenate(available_of)


def _bits(counts: np.ndarray, words: np.ndarray, smoothing: float) -> np.ndarray:
    """-log2 P(last base of the word | the bases before it), per word."""
    of_context = counts.reshape(-1, 4)
    context_count = of_context[words >> 2].sum(1, dtype=np.float64)
    return np.log2(context_count + 4 * smoothing) - np.log2(counts[words] + smoothing)


def _other_strand(document: np.ndarray) -> np.ndarray:
    return np.where(document < 4, 3 - document, document)[::-1]
