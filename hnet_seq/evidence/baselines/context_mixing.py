"""Context mixing of DNA: many orders at once, adaptive, on both strands, as DNA compressors do.

What GeCo, cmix and their like are built of (Pratas, Hosseini, Silva, Pinho 2019, "GeCo2"; Mahoney
2005, "Adaptive weighing of context models"): each order k predicts from what followed the last k
bases so far, inverted repeats are counted too, and a mixture whose weights are learned on the way
decides. Here a prediction is a softmax over a sum of log-odds. The weight of an order depends on
how often its context was seen, and on whether always before the same base. The model goes through
the data in blocks: each is predicted, then learned from, also those that are scored. So it is a
code: bits that a decoder could undo.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

ORDERS = (1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24)
_EXACT = 11  # up to it, a context has a row of its own
_ROWS = 1 << 24  # of a longer order, which is hashed: with 1 << 22, E. coli has 0.014 bits more
_BLOCK = 4096  # positions that are predicted before they are learned from
_PRIORS = 0.4, 0.06  # sightings of each base before any: up to order 11, and beyond
_LEVELS = 12  # of sightings, by their logarithm
_RATE = 0.02  # of a weight's step, by Adagrad
_MOST = 60_000  # of a count; beyond, those of its context are halved
_HASH = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)


class MixingScores(TypedDict):
    bits_per_base: float
    orders: list[int]
    train_bases: int
    scored_bases: int


def score_context_mixing(
    train: Iterable[np.ndarray],
    validation: Iterable[np.ndarray],
    orders: tuple[int, ...] = ORDERS,
) -> MixingScores:
    """Learn from ``train``, then score ``validation``, going on to learn.

    Documents are (length,) uint8 arrays with A, C, G, T = 0..3; anything above 3 is no base, and no
    context reaches over it. Scored is every base of a validation document but its first, as for
    :func:`hnet_seq.evidence.baselines.markov.score_markov_orders`.

    Raises:
        ValueError: there is no base to score.
    """
    model = ContextMixing(orders)
    trained = 0
    for document in train:
        trained += int(np.count_nonzero(document < 4))
        model.read(document)
    bits = [model.read(document)[1:] for document in validation]
    scored = np.concatenate([own[~np.isnan(own)] for own in bits] or [np.empty(0)])
    if not len(scored):
        raise ValueError("the validation documents hold no base to score")
    return MixingScores(
        bits_per_base=float(scored.mean()),
        orders=list(orders),
        train_bases=trained,
        scored_bases=len(scored),
    )


class ContextMixing:
    """Counts of all orders and the weights of their mixture.

    Args:
        orders: how many bases each context has.
    """

    def __init__(self, orders: tuple[int, ...] = ORDERS) -> None:
        self.orders = orders
        self._counts = [np.zeros((min(4**k, _ROWS), 4), np.uint16) for k in orders]
        self._weights = np.full((len(orders), 2 * _LEVELS), 1.0 / len(orders) ** 0.5)
        self._squares = np.full_like(self._weights, 1e-6)

    def read(self, document: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Predict and learn a document; (length,) bits of each base, NaN where there is none."""
        bits = np.full(len(document), np.nan)
        for block, probabilities in self._blocks(document):
            bases = document[block]
            own = probabilities[np.arange(len(bases)), np.minimum(bases, 3)]
            bits[block] = -np.log2(np.maximum(own, 1e-9))
        bits[document > 3] = np.nan
        return bits

    def distributions(self, document: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As :meth:`read`; (length, 4) how likely each base was said to be."""
        found = np.empty((len(document), 4), np.float32)
        for block, probabilities in self._blocks(document):
            found[block] = probabilities
        return found

    def _blocks(self, document: NDArray[np.uint8]) -> Iterator[tuple[slice, NDArray]]:
        """Each block with (L, 4) probabilities of its bases; it is then learned."""
        reach = max(self.orders)
        for start in range(0, len(document), _BLOCK):
            stop = min(start + _BLOCK, len(document))
            # As many bases before the block as contexts need.
            first = max(0, start - reach)
            window = document[first:stop]
            yield slice(start, stop), self._predict(window, start - first)
            self._learn(window, start - first)

    def _contexts(self, window: NDArray[np.uint8]) -> tuple[list[NDArray[np.int64]], NDArray]:
        """Of each order, the row of the bases before each position; (K, L) if they are there."""
        length = len(window)
        digits = np.where(window < 4, window, 0).astype(np.uint64)
        gap = np.maximum.accumulate(np.where(window < 4, -1, np.arange(length)))
        before = np.empty(length, np.int64)  # bases in a row before each position
        before[0] = 0
        before[1:] = np.arange(length - 1) - gap[:-1]
        plain = np.zeros(length, np.uint64)
        mixed = np.zeros(length, np.uint64)
        base = np.uint64(1)
        rows, done = [], 0
        for number, order in enumerate(self.orders):
            for lag in range(done + 1, order + 1):
                token = np.zeros(length, np.uint64)
                token[lag:] = digits[: max(0, length - lag)]
                if lag <= _EXACT:
                    plain += token << np.uint64(2 * (lag - 1))
                with np.errstate(over="ignore"):
                    mixed += (token + np.uint64(1)) * base
                    base *= _HASH
            done = order
            count = np.uint64(len(self._counts[number]))
            row = plain if order <= _EXACT else _spread(mixed)
            rows.append((row % count).astype(np.int64))
        known = before >= np.array(self.orders)[:, None]
        return rows, known

    def _predict(self, window: NDArray[np.uint8], lead: int) -> NDArray[np.float32]:
        """(L, 4) of each base behind the first ``lead``; the weights take a step."""
        contexts, known = self._contexts(window)
        bases = window[lead:]
        rows = [context[lead:] for context in contexts]
        seen = known[:, lead:] & (bases < 4)
        K, length = len(rows), len(bases)
        evidence = np.zeros((K, length, 4), np.float32)
        level = np.zeros((K, length), np.int64)
        for number, order in enumerate(self.orders):
            counts = self._counts[number][rows[number]].astype(np.float32)
            counts *= seen[number][:, None]
            total = counts.sum(1)
            logs = np.log(counts + _PRIORS[order > _EXACT])
            evidence[number] = logs - logs.mean(1, keepdims=True)
            level[number] = np.minimum(np.log2(total + 1), _LEVELS - 1).astype(np.int64)
            level[number] += _LEVELS * (counts.max(1) == total)
        weights = np.take_along_axis(self._weights, level, 1).astype(np.float32)
        logits = np.einsum("kt,kts->ts", weights, evidence)
        logits -= logits.max(1, keepdims=True)
        likelihood = np.exp(logits)
        likelihood /= likelihood.sum(1, keepdims=True)
        target = np.minimum(bases, 3)
        is_base = bases < 4
        places = np.arange(length)
        error = likelihood.copy()
        error[places, target] -= 1
        error *= is_base[:, None]
        slope = np.einsum("ts,kts->kt", error, evidence)
        gradient = np.zeros_like(self._weights)
        for number in range(K):
            gradient[number] = np.bincount(level[number], slope[number], 2 * _LEVELS)
        gradient /= max(1, int(is_base.sum()))
        self._squares += gradient**2
        self._weights -= _RATE * gradient / np.sqrt(self._squares)
        return likelihood

    def _learn(self, window: NDArray[np.uint8], lead: int) -> None:
        """Count the bases behind the first ``lead`` after their contexts, on both strands."""
        length = len(window)
        turned = np.where(window < 4, 3 - window, window)[::-1]
        for strand in (window, turned):
            contexts, known = self._contexts(strand)
            places = np.arange(length)
            for number, order in enumerate(self.orders):
                # A word is new if it has a base of the block: it ends behind the lead, or begins
                # there on the other strand.
                new = places >= lead if strand is window else places - order < length - lead
                new &= known[number] & (strand < 4)
                self._count(self._counts[number], contexts[number][new], strand[new])

    @staticmethod
    def _count(counts: NDArray[np.uint16], rows: NDArray[np.int64], bases: NDArray) -> None:
        np.add.at(counts, (rows, bases), np.uint16(1))
        full = np.unique(rows[counts[rows, bases] > _MOST])
        counts[full] //= 2


def _spread(code: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers whose bits each depend on all of the code's."""
    with np.errstate(over="ignore"):
        for shift in (32, 29):
            code = (code ^ (code >> np.uint64(shift))) * _MIX
    return code >> np.uint64(32)
