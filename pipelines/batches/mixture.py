"""How many tokens of each source the first n tokens of a mixture have: counters, no draws."""

from __future__ import annotations

from collections.abc import Sequence

_UNIT = 10**12  # weights are whole parts of this, so that counts are exact


class Mixture:
    """Tokens of several sources in the proportion of their weights.

    After any number n of tokens, each source but the heaviest has given the whole part of its
    share of n, and the heaviest the rest.

    Args:
        weights: above 0; only their proportions matter.

    Raises:
        ValueError: a weight that is not above 0.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        if not weights or not all(0 < weight < float("inf") for weight in weights):
            raise ValueError(f"expected weights above 0; got {list(weights)}")
        total = sum(weights)
        self.shares = [weight / total for weight in weights]
        self._heaviest = max(range(len(weights)), key=weights.__getitem__)
        self._parts = [round(share * _UNIT) for share in self.shares]

    def counts(self, tokens: int) -> list[int]:
        """Tokens of each source among the first ``tokens``."""
        counts = [part * tokens // _UNIT for part in self._parts]
        counts[self._heaviest] = 0
        counts[self._heaviest] = tokens - sum(counts)
        return counts
