"""Which sequences stand in a genome, or in what a model was pretrained on, by words of 21 bases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modalities.base import Tokens
from modalities.dna_words import canonical_words

WORD = 21  # bases: chance puts one of a thousand words into three billion bases
MOST_WORDS = 32  # of a sequence, evenly spread
_PIECE = 1 << 20  # bases of a document that are looked through at once
_BITS = 26  # of a table that refuses most words at once


@dataclass(frozen=True)
class Found:
    """What of N sequences stands in documents.

    Attributes:
        share: (N,) of the words that were looked for; NaN where a sequence has none.
        document: (N,) number of the document that most words of it were first seen in; -1 for none.
        documents: how many were read.
        names: of those that some word was first seen in, by number.
    """

    share: NDArray[np.float64]
    document: NDArray[np.int64]
    documents: int
    names: dict[int, str]


def found_in(sequences: Sequence[Tokens], documents: Iterable[tuple[str, Tokens]]) -> Found:
    """Look words of sequences up, on either strand, in documents that are read once.

    Memory: 64 MB, 30 bytes a word, and a document.
    """
    words, owners = _words(sequences)
    order = np.argsort(words, kind="stable")
    words, owners = words[order], owners[order]
    different, back = np.unique(words, return_inverse=True)
    table = np.zeros(1 << _BITS, bool)
    table[_slot(different)] = True
    where = np.full(len(different), -1, np.int64)
    count, names = 0, {}
    for count, (name, document) in enumerate(documents, 1):
        for begin in range(0, max(1, len(document) - WORD + 1), _PIECE):
            piece, _ = canonical_words(document[begin : begin + _PIECE + WORD - 1], WORD)
            piece = piece[table[_slot(piece)]]
            at = np.searchsorted(different, piece)
            at = at[different[np.minimum(at, len(different) - 1)] == piece] if len(at) else at
            at = at[where[at] < 0]
            where[at] = count - 1
            if len(at):
                names[count - 1] = name
    found = where[back]
    held = np.bincount(owners[found >= 0], minlength=len(sequences))
    of = np.bincount(owners, minlength=len(sequences))
    share = np.where(of > 0, held / np.maximum(1, of), np.nan)
    document_of = np.full(len(sequences), -1, np.int64)
    pairs = np.stack([owners[found >= 0], found[found >= 0]], 1)
    pairs, words_of = np.unique(pairs, axis=0, return_counts=True)
    order = np.lexsort((-pairs[:, 1], words_of))  # the most words come last, of equals the first
    document_of[pairs[order, 0]] = pairs[order, 1]
    return Found(share, document_of, count, names)


def _slot(words: NDArray[np.int64]) -> NDArray[np.int64]:
    mixed = words.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(64 - _BITS)).astype(np.int64)


def _words(sequences: Sequence[Tokens]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Up to ``MOST_WORDS`` of each, and the numbers of their sequences."""
    words, owners = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for number, sequence in enumerate(sequences):
        own, _ = canonical_words(sequence, WORD)
        if len(own) > MOST_WORDS:
            own = own[np.linspace(0, len(own) - 1, MOST_WORDS).astype(np.int64)]
        words.append(own)
        owners.append(np.full(len(own), number))
    return np.concatenate(words), np.concatenate(owners)
