"""Order-k models of bytes with back-off: what a language model of text or code has to beat.

Witten-Bell smoothing, interpolated (Witten and Bell 1991, method C; Chen and Goodman 1999, section
2.6): with n(c x) how often x followed the context c, n(c) the sum over x, T(c) the number of
different x, and c' the context without its earliest byte,

    P_k(x | c) = (n(c x) + T(c) P_{k-1}(x | c')) / (n(c) + T(c)),    P_{-1} = 1 / 256.

An unseen context has n = T = 0 and costs what the order below does.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from modalities.base import Tokens

MAX_ORDER = 7
"""A byte and the 7 before it fill the 64 bits of a word."""

_COUNTED = 1 << 25  # tokens sorted at once: some 0.6 GB
_SCORED = 1 << 22  # tokens looked up at once: some 0.2 GB

_NO_EVENT = -1  # instead of the tokens before: not to be predicted
_BYTE = np.uint64(8)  # bits

Group = TypeVar("Group", bound=Hashable)
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class ByteDocument(Generic[Group]):
    """A document of the byte vocabulary.

    Attributes:
        group: whose figures it counts to, such as its folder and language.
        tokens: (L,) with its markers.
        predicted: (256,) True for the tokens that the modality predicts; the others are context.
    """

    group: Group
    tokens: Tokens
    predicted: NDArray[np.bool_]


@dataclass(frozen=True)
class GroupBits:
    """What a group of documents costs.

    Attributes:
        scored: bytes, end markers among them.
        bits: (max_order + 1,) of all of them, by order.
    """

    scored: int
    bits: NDArray[np.float64]

    def __add__(self, other: GroupBits) -> GroupBits:
        return GroupBits(self.scored + other.scored, self.bits + other.bits)

    @property
    def bits_per_byte(self) -> list[float]:
        """By order."""
        return [float(bits) / self.scored for bits in self.bits]

    @property
    def best_order(self) -> int:
        """The order that costs the least."""
        return int(self.bits.argmin())


@dataclass(frozen=True)
class ByteScores(Generic[Group]):
    """Scores by group, in the order in which the groups came.

    Attributes:
        counted: bytes of the training documents that were counted, end markers among them.
        groups: those with anything to score.
    """

    counted: int
    groups: dict[Group, GroupBits]

    @property
    def total(self) -> GroupBits:
        """Of all groups together."""
        first, *rest = self.groups.values()
        return sum(rest, first)


def score_byte_orders(
    train: Iterable[ByteDocument[Group]],
    validation: Iterable[ByteDocument[Group]],
    *,
    max_order: int = 6,
) -> ByteScores[Group]:
    """Fit the orders 0..``max_order`` on ``train`` and score each on ``validation``.

    Counted and scored is what a causal language model learns and is scored on: every predicted
    token of a document but its first. A context never reaches into another document: where fewer
    than k tokens precede, order k uses those that do, with the probability of that lower order.

    Memory, for one order at a time: 2 bytes a training byte, up to 0.6 GB to sort, and about 40
    bytes for each different word of ``max_order`` + 1 bytes.

    Raises:
        ValueError: ``max_order`` is outside 0..7, or there is nothing to score.
    """
    if not 0 <= max_order <= MAX_ORDER:
        raise ValueError(f"max_order is {max_order}; a word of 64 bits allows 0..{MAX_ORDER}")
    counted, scored = _Events(train), _Events(validation)
    probability = np.full(scored.total, 1 / 256)
    if not len(probability):
        raise ValueError("the validation documents hold no byte to score")
    names = list(dict.fromkeys(scored.groups))
    number = {name: i for i, name in enumerate(names)}
    group = np.repeat([number[name] for name in scored.groups], scored.per_document)
    bits = np.zeros((max_order + 1, len(names)))
    for order in range(max_order + 1):
        counts = _Counts(*_count_words(words for _, _, words in counted.words(order, _COUNTED)))
        for first, usable, words in scored.words(order, _SCORED):
            part = probability[first : first + len(usable)]
            part[usable] = counts.interpolate(words, part[usable])
        bits[order] = np.bincount(group, -np.log2(probability), len(names))
    sizes = np.bincount(group, minlength=len(names)).tolist()
    return ByteScores(
        counted.total,
        {name: GroupBits(sizes[i], bits[:, i]) for i, name in enumerate(names) if sizes[i]},
    )


class _Events(Generic[Group]):
    """The tokens of documents that are to be predicted, each with up to 7 before it.

    Attributes:
        groups: of each document.
        per_document: how many there are in each.
        total: how many there are.
    """

    def __init__(self, documents: Iterable[ByteDocument[Group]]) -> None:
        self.groups: list[Group] = []
        self.per_document: list[int] = []
        padding = np.zeros(MAX_ORDER, np.uint8)
        tokens, available = [padding], [np.empty(0, np.int8)]
        for document in documents:
            before = np.full(len(document.tokens), MAX_ORDER, np.int8)
            before[:MAX_ORDER] = np.arange(MAX_ORDER)[: len(before)]
            before[~document.predicted[document.tokens]] = _NO_EVENT
            before[:1] = _NO_EVENT
            tokens.append(document.tokens)
            available.append(before)
            self.groups.append(document.group)
            self.per_document.append(int(np.count_nonzero(before != _NO_EVENT)))
        self.total = sum(self.per_document)
        self._available = np.concatenate(available)
        # The eight tokens that end at each, itself the lowest byte: a view, nothing is copied.
        self._windows = np.ndarray(
            len(self._available), ">u8", np.concatenate(tokens).data, strides=(1,)
        )

    def words(self, order: int, size: int) -> Iterator[tuple[int, NDArray[np.bool_], Words]]:
        """Of each ``size`` tokens the words of those with ``order`` tokens before them.

        Yields:
            the number of the first event, which events have enough before them (E,), and the words
            of those: the context, and the token itself in the lowest byte.
        """
        first, kept = 0, np.uint64(256 ** (order + 1) - 1)
        for start in range(0, len(self._available), size):
            available = self._available[start : start + size]
            windows = self._windows[start : start + size]
            words = windows[available >= order].astype(np.uint64)
            words &= kept
            usable = available[available != _NO_EVENT] >= order
            yield first, usable, words
            first += len(usable)


class _Counts:
    """How often each word of one length occurs, and each context.

    Args:
        words: (W,) different ones, ascending.
        counts: (W,) of each.
    """

    def __init__(self, words: Words, counts: NDArray[np.int64]) -> None:
        self._words, self._counts = words, counts
        contexts = words >> _BYTE
        starts = _run_starts(contexts)
        self._contexts = contexts[starts]
        self._totals = np.add.reduceat(counts, starts) if len(starts) else counts
        self._distinct = np.diff(starts, append=len(words))

    def interpolate(self, words: Words, lower: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of the last byte of each word (n,), from that of the order below (n,)."""
        # Ascending queries find neighbouring entries, which the cache still holds.
        place = words.argsort()
        words, ascending = words[place], lower[place]
        count = _look_up(self._words, self._counts, words)
        contexts = words >> _BYTE
        total = _look_up(self._contexts, self._totals, contexts)
        distinct = _look_up(self._contexts, self._distinct, contexts)
        seen = total > 0
        ascending[seen] = (count + distinct * ascending)[seen] / (total + distinct)[seen]
        result = np.empty_like(lower)
        result[place] = ascending
        return result


def _count_words(blocks: Iterable[Words]) -> tuple[Words, NDArray[np.int64]]:
    """Different words of all blocks, ascending, and how often each occurs."""
    words, counts = np.empty(0, np.uint64), np.empty(0, np.int64)
    for block in blocks:
        block.sort()
        starts = _run_starts(block)
        counts = np.concatenate([counts, np.diff(starts, append=len(block))])
        words = np.concatenate([words, block[starts]])
        if len(words) > len(starts):  # some are from the blocks before
            place = words.argsort(kind="stable")
            words, counts = words[place], counts[place]
            starts = _run_starts(words)
            words, counts = words[starts], np.add.reduceat(counts, starts)
    return words, counts


def _run_starts(ascending: Words) -> NDArray[np.int64]:
    """(R,) where each run of equal values begins."""
    differs = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=differs[1:])
    return np.flatnonzero(differs)


def _look_up(keys: Words, values: NDArray[np.int64], wanted: Words) -> NDArray[np.int64]:
    """The value of each wanted key, 0 where there is none; ``keys`` ascend."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
