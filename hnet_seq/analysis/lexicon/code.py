"""How many bits a text takes when it is written word by word, and how its words are spread.

A fair comparison of ways to cut must charge for the vocabulary: longer words look better to whoever
counts them on the text itself and sends no list of them. The code here learns while it writes. A
word that was met n times among N costs -log2((n + c q) / (N + c)), where q is the chance of its
spelling (its length by a geometric law of the mean length, each letter alike) and c how much is
left for words that are new: a Dirichlet process (Ferguson, Ann. Statist. 1:209, 1973). The order of
the words does not matter, so that the length is a function of the counts; c is the best of a fixed
list, which is charged for.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import gammaln

_NEW = tuple(float(4**power) for power in range(1, 13))  # the list that c is from
_CURVE = 4.0  # ranks of the curve grow by such a factor


class Spread:
    """Sums over all words of a way to cut, from the tables of their counts.

    Args:
        tables: of :meth:`hnet_seq.analysis.lexicon.words.WordCounts.tables`.
        symbols: letters that words are made of.

    Attributes:
        words, distinct, once: how many; that occur once.
        letters: of all words.
        bits: of the code, of all words.
    """

    def __init__(self, tables: Iterable[pa.Table], symbols: int) -> None:
        self.words = self.distinct = self.once = self.letters = 0
        alike: list[NDArray[np.int64]] = [np.zeros((3, 0), np.int64)]
        for table in tables:
            count = table["count"].to_numpy()
            length = pa.compute.binary_length(table["word"]).to_numpy().astype(np.int64)
            alike.append(_joined(np.stack([count, length, np.ones_like(count)])))
            self.words += int(count.sum())
            self.distinct += len(count)
            self.once += int((count == 1).sum())
            self.letters += int(count @ length)
        # Words of one count and length are alike in all that follows.
        self._count, self._length, self._number = _joined(np.concatenate(alike, axis=1))
        self.bits = self._bits(symbols)

    def _bits(self, symbols: int) -> float:
        if not self.words:
            return 0.0
        goes_on = 1 - self.words / self.letters
        log_more = np.log(goes_on) if goes_on > 0 else 0.0
        spelled = (
            (self._length - 1) * log_more
            + np.log(self.words / self.letters)
            - self._length * np.log(symbols)
        )
        nats = min(
            float(gammaln(new + self.words) - gammaln(new))
            - float((self._number * _rising(new, spelled, self._count)).sum())
            for new in _NEW
        )
        return nats / np.log(2) + np.log2(len(_NEW))

    @property
    def bits_per_letter(self) -> float | None:
        """Of the code."""
        return self.bits / self.letters if self.letters else None

    def curve(self) -> list[tuple[int, float, float]]:
        """So many of the most frequent words, the share of all words and of letters they make."""
        order = np.argsort(-self._count, kind="stable")
        number, count = self._number[order], self._count[order]
        ranks = np.r_[0, number.cumsum()]
        words = np.r_[0, (number * count).cumsum()]
        letters = np.r_[0, (number * count * self._length[order]).cumsum()]
        found: list[tuple[int, float, float]] = []
        rank = 1.0
        while True:
            at = min(int(rank), self.distinct)
            of_words = float(np.interp(at, ranks, words)) / max(self.words, 1)
            of_letters = float(np.interp(at, ranks, letters)) / max(self.letters, 1)
            found.append((at, of_words, of_letters))
            if at >= self.distinct:
                return found
            rank *= _CURVE


def _joined(alike: NDArray[np.int64]) -> NDArray[np.int64]:
    """Columns of count, length and number of words, one for each count and length."""
    pairs, place = np.unique(alike[:2], axis=1, return_inverse=True)
    number = np.zeros(pairs.shape[1], np.int64)
    np.add.at(number, place.ravel(), alike[2])
    return np.concatenate([pairs, number[None]])


def _rising(
    new: float, spelled: NDArray[np.float64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """log of x (x + 1) ... (x + n - 1) for x = ``new`` times the chance of a spelling."""
    log_share = np.log(new) + spelled
    share = np.exp(np.maximum(log_share, -600))
    # Of tiny x the first factor alone is far from (n - 1)!, and too small for the other formula.
    tiny = gammaln(count) + log_share
    large = gammaln(np.maximum(share, 1e-9) + count) - gammaln(np.maximum(share, 1e-9))
    return np.where(share < 1e-9, tiny, large)
