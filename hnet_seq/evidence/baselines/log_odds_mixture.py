"""The log-odds mixture of several predictors: what an ensemble of a model and counts would need.

A symbol of 2^D is D decisions between two halves of what is left. The log-odds of each decision are
added up with weights that are learned on the way, those of a decision after it was made (Mahoney
2005, "Adaptive weighing of context models"): the bits are those of a code.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_RATES = 0.02, 0.002  # of the weights, at first and at last
_MOST = 12.0  # of a decision's log-odds


def path_log_odds(
    log_probs: NDArray[np.floating], symbols: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(N, D) log-odds of a 1 for each bit of symbols (N,), given the bits above it.

    Args:
        log_probs: (N, 2^D) of all symbols, nats; they need not sum to one.
    """
    depth = log_probs.shape[1].bit_length() - 1
    probs = np.exp(log_probs - log_probs.max(1, keepdims=True)).astype(np.float64)
    found, places = np.empty((len(symbols), depth)), np.arange(len(symbols))
    for j in range(depth):
        halves = probs.reshape(len(symbols), 2 << j, -1).sum(2)
        above = symbols.astype(np.int64) >> (depth - j)
        zero, one = halves[places, 2 * above], halves[places, 2 * above + 1]
        # As the sum rounds them, a half may be empty.
        found[:, j] = np.log(np.maximum(one, 1e-300)) - np.log(np.maximum(zero, 1e-300))
    return found


def bits_of(symbols: NDArray[np.integer], depth: int) -> NDArray[np.int64]:
    """(N, D) the bits of symbols, the highest first."""
    return symbols.astype(np.int64)[:, None] >> np.arange(depth)[::-1] & 1


def cost(log_odds: NDArray[np.float64], symbols: NDArray[np.integer]) -> NDArray[np.float64]:
    """(N,) bits of each symbol at these log-odds (N, D) of its bits."""
    signs = 1 - 2 * bits_of(symbols, log_odds.shape[1])
    return np.logaddexp(0, signs * log_odds).sum(1) / math.log(2)


def mixed_log_odds(parts: NDArray[np.float64], symbols: NDArray[np.integer]) -> NDArray[np.float64]:
    """(N, D) the log-odds of the mixture of parts (P, N, D), symbol after symbol.

    Each of the D decisions has weights of its own, which begin at 1 / P.
    """
    count, _, depth = parts.shape
    weights = [[1 / count] * count for _ in range(depth)]
    first, last = _RATES
    found = np.empty(parts.shape[1:])
    inputs = np.clip(parts, -_MOST, _MOST).transpose(1, 2, 0).tolist()
    for n, (own, bits) in enumerate(zip(inputs, bits_of(symbols, depth).tolist(), strict=True)):
        rate = max(last, first / math.sqrt(1 + n / 100))
        for j in range(depth):
            weight, given = weights[j], own[j]
            total = sum(w * x for w, x in zip(weight, given, strict=True))
            total = min(_MOST, max(-_MOST, total))
            found[n, j] = total
            step = rate * (bits[j] - 1 / (1 + math.exp(-total)))
            weights[j] = [w + step * x for w, x in zip(weight, given, strict=True)]
    return found
