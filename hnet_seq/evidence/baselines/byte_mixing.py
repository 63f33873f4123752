"""Context mixing of bytes: many contexts at once, bit by bit and adaptive, as compressors do.

What lpaq and paq8 are built of (Mahoney 2005, "Adaptive weighing of context models"). A byte is
eight decisions, from its highest bit on. Each context, the last 1 to 6 bytes, the word so far, and
that with the word before, has a probability of the next bit, which moves by 1 / (n + 1.5) of its
error after n sightings. Their log-odds are added up with weights, those of the bits so far and
those of the last byte, which are learned on the way, and depend on how often the context was seen.
Every byte is predicted, then learned from, also those that are scored: a decoder could undo it.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.byte_markov import ByteDocument, Group

ORDERS = 6  # and two of words
BITS = 8
_CONTEXTS, _LEVELS, _LIMIT = ORDERS + 2, 10, 127
_BOUNDS = (1, 2, 3, 4, 6, 9, 16, 32, 127)  # sightings at which a level begins
_RATES = 0.02, 0.004  # of the weights, at first and at last
_ROWS = 12, 24  # bits: the fewest and the most rows of a context's table
_HASH, _MIX, _WORD = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, (1 << 64) - 1
_SLOT = np.dtype([("one", "<f4"), ("seen", "<u2"), ("check", "<u2")])
_LOWEST, _HIGHEST = float(np.float32(1e-4)), float(np.float32(1) - np.float32(1e-4))


class ByteMixing:
    """Probabilities of all contexts and the weights of their mixture.

    Args:
        expected: bytes that will be read; tables have about four rows for each.
    """

    def __init__(self, expected: int) -> None:
        fewest, most = _ROWS
        self.row_bits = min(max(fewest, (4 * expected).bit_length() - 1), most)
        self.slots = np.zeros((_CONTEXTS, 1 << self.row_bits), _SLOT)
        self.slots["one"] = 0.5
        # Two sums are averaged, over contexts that agree more often than not.
        self.weights = np.full((512, _CONTEXTS, _LEVELS), 0.3)
        self.learned = np.zeros(1, np.int64)  # bits

    def read(
        self, tokens: NDArray[np.uint8], predicted: NDArray[np.bool_], *, native: bool | None = None
    ) -> NDArray[np.float64]:
        """Predict and learn a document, whose contexts begin anew.

        Args:
            tokens: (L,).
            predicted: (L,) which of them are; the others are context.
            native: with the compiled loop; None: where there is one.

        Returns:
            (L, 8) log-odds of a 1 for each bit, the highest first; NaN where none is predicted.
        """
        tokens = np.ascontiguousarray(tokens, np.uint8)
        log_odds = np.full((len(tokens), BITS), np.nan)
        compiled = _compiled() if native in (None, True) else None
        if compiled is None:
            if native:
                raise RuntimeError("there is no compiled loop")
            self._read(tokens, predicted, log_odds)
            return log_odds
        flags = np.ascontiguousarray(predicted, np.uint8)
        arrays = (self.slots, self.weights, self.learned, log_odds)
        compiled(
            ctypes.c_int64(len(tokens)),
            *(ctypes.c_void_p(array.ctypes.data) for array in (tokens, flags)),
            ctypes.c_int64(self.row_bits),
            *(ctypes.c_void_p(array.ctypes.data) for array in arrays),
        )
        return log_odds

    def _read(
        self,
        tokens: NDArray[np.uint8],
        predicted: NDArray[np.bool_],
        log_odds: NDArray[np.float64],
    ) -> None:
        """The definition; about a hundred times slower than the compiled loop."""
        word = before = 0
        for t, token in enumerate(tokens.tolist()):
            if predicted[t]:
                contexts, code = [], 0
                for k in range(ORDERS):
                    code = (code + (int(tokens[t - 1 - k]) + 1 if t > k else 0)) * _HASH & _WORD
                    code ^= code >> 29
                    contexts.append(code)
                contexts.append((word + 1) * _MIX & _WORD)
                contexts.append((word * _HASH + before + 2) * _MIX & _WORD)
                prefix = 1
                for j in range(BITS):
                    bit = token >> (BITS - 1 - j) & 1
                    sets = (prefix, 256 + (int(tokens[t - 1]) if t else 0))
                    log_odds[t, j] = self._decide(contexts, prefix, sets, bit)
                    prefix = 2 * prefix + bit
            if token >= 128 or ord("a") <= token | 32 <= ord("z"):
                word = (word + (token | 32) + 1) * _HASH & _WORD
            elif word:
                before, word = word, 0

    def _decide(self, contexts: list[int], prefix: int, sets: tuple[int, int], bit: int) -> float:
        """Log-odds of a 1 for one bit, which is then learned."""
        places, inputs = [], []
        for k, context in enumerate(contexts):
            row = (context + prefix * _HASH) * _MIX & _WORD
            row = (row ^ row >> 32) * _MIX & _WORD
            place, check = (k, row >> (64 - self.row_bits)), row & 0xFFFF
            if self.slots["check"][place] != check:
                self.slots[place] = (0.5, 0, check)
            one = float(self.slots["one"][place])
            level = int(np.searchsorted(_BOUNDS, self.slots["seen"][place], "right"))
            places.append((place, level))
            inputs.append(math.log(one / (1 - one)))
        total = sum(
            (self.weights[sets[0], k, level] + self.weights[sets[1], k, level]) * inputs[k]
            for k, (_, level) in enumerate(places)
        )
        total = min(12.0, max(-12.0, float(total) / 2))
        first, last = _RATES
        rate = max(last, first / math.sqrt(1 + int(self.learned[0]) / 1000))
        step = rate * (bit - 1 / (1 + math.exp(-total)))
        self.learned += 1
        for k, (place, level) in enumerate(places):
            for own in sets:
                self.weights[own, k, level] += step * inputs[k]
            one, seen = float(self.slots["one"][place]), int(self.slots["seen"][place])
            moved = float(np.float32(one + (bit - one) / (seen + 1.5)))
            self.slots["one"][place] = min(_HIGHEST, max(_LOWEST, moved))
            self.slots["seen"][place] = min(_LIMIT, seen + 1)
        return total


def read_byte_documents(
    train: Iterable[ByteDocument[Group]],
    validation: Iterable[ByteDocument[Group]],
    expected: int,
) -> dict[Group, tuple[NDArray[np.float64], NDArray[np.uint8]]]:
    """Learn from ``train``, then predict ``validation``, going on to learn.

    Predicted is what :func:`hnet_seq.evidence.baselines.byte_markov.score_byte_orders` scores.

    Args:
        expected: bytes of both.

    Returns:
        of each group of validation documents, in their order, the log-odds (N, 8) of the bits of
        what is predicted, and the bytes (N,).
    """
    model = ByteMixing(expected)
    for document in train:
        model.read(document.tokens, _predicted(document))
    found: dict[Group, list[tuple[Any, Any]]] = {}
    for document in validation:
        flags = _predicted(document)
        log_odds = model.read(document.tokens, flags)
        found.setdefault(document.group, []).append((log_odds[flags], document.tokens[flags]))
    return {
        group: (np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]))
        for group, parts in found.items()
    }


def _predicted(document: ByteDocument[Any]) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = document.predicted[document.tokens]
    flags[:1] = False
    return flags


def _compiled() -> Callable[..., Any] | None:
    # Here: it imports torch, which the other baselines do without.
    from hnet_seq.ops.native.build import library, why_not

    return None if why_not() else library().mix_bytes
