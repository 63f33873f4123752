"""A Markov chain that is known, what it writes, and readers that know it, or nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.zero_shot.counting import _Counting
from hnet_seq.evidence.zero_shot.reader import Likelihood
from hnet_seq.results.zero_shot import Figure
from modalities.base import Tokens
from modalities.errors import InputError

ORDER = 2


class Chain(_Counting):
    """Order 2: (16, 4) probabilities of the next base, drawn from a seed; knows itself."""

    name = "the chain itself"

    def __init__(self, seed: int = 0, sharpness: float = 0.5) -> None:
        generator = np.random.default_rng(seed)
        self.next = generator.dirichlet(np.full(4, sharpness), size=4**ORDER)
        self.next = 0.97 * self.next + 0.03 / 4

    def writes(self, length: int, seed: int) -> Tokens:
        """A sequence (L,) from equally likely first bases."""
        generator = np.random.default_rng(seed)
        drawn = generator.random(length).tolist()
        ends = self.next.cumsum(1).tolist()
        found = generator.integers(0, 4, ORDER).tolist()
        for share in drawn[ORDER:]:
            found.append(min(3, bisect_right(ends[4 * found[-2] + found[-1]], share)))
        return np.array(found, np.uint8)

    def stationary(self) -> NDArray[np.float64]:
        """(16,) how often each context occurs in the long run."""
        step = np.zeros((16, 16))
        for context in range(16):
            for base in range(4):
                step[context, 4 * (context % 4) + base] += self.next[context, base]
        found = np.full(16, 1 / 16)
        for _ in range(500):
            found = found @ step
        return found

    def accuracy(self) -> float:
        """Of whoever knows the chain."""
        return float(self.stationary() @ self.next.max(1))

    def entropy(self) -> float:
        """Bits a base of whoever knows the chain."""
        return float(-(self.stationary() @ (self.next * np.log2(self.next)).sum(1)))

    def _rows(self, tokens: Tokens) -> NDArray[np.float64]:
        rows = np.full((len(tokens), 4), np.log(0.25))
        rows[:1] = np.nan
        context = 4 * tokens[:-2].astype(np.int64) + tokens[1:-1]
        rows[ORDER:] = np.log(self.next[context])
        return rows

    def _next(self, tokens: Tokens) -> int:
        return int(self.next[4 * int(tokens[-2]) + int(tokens[-1])].argmax())


class KnowsNothing(_Counting):
    """Untrained: each base as likely as another."""

    name = "knows nothing"

    def _rows(self, tokens: Tokens) -> NDArray[np.float64]:
        rows = np.full((len(tokens), 4), np.log(0.25))
        rows[:1] = np.nan
        return rows

    def _next(self, tokens: Tokens) -> int:
        return 0


class Around:
    """A masked reader, which does not go on."""

    name = "both sides"
    reads: Literal["around"] = "around"

    def __init__(self, other: _Counting) -> None:
        self._other = other

    def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
        return self._other.log_likelihoods(sequences)

    def base_log_probabilities(self, sequences: Sequence[Tokens]) -> list[NDArray[np.float32]]:
        return self._other.base_log_probabilities(sequences)

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        raise InputError(None, "does not go on", where=self.name)


def random_bases(length: int, seed: int) -> Tokens:
    """(L,) each base as likely as another."""
    return np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)


def holds(found: Figure, value: float) -> bool:
    """Whether a figure has an interval, with a value in it."""
    assert found["low"] is not None
    assert found["high"] is not None
    return found["low"] <= value <= found["high"]
