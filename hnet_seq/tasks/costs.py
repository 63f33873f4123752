"""What a sequence costs, expected by its length: processes share the input out by it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.flops import flops_per_token

_TOKENS_PER_CHUNK = 4.0  # of each stage; only attention inside makes relative costs depend on it
_SEQUENCE_TOKENS = 16  # what a sequence costs beside its tokens; benchmarks/load_balance.py


def sequence_cost(config: HNetConfig, window: int | None = None) -> Callable[[int], float]:
    """Expected cost of a sequence by its tokens: operations of a forward pass.

    Args:
        window: positions that global attention may see, as of ``--attention-window``.
    """
    stages = len(config.d_model) - 1
    rates = [_TOKENS_PER_CHUNK] * stages
    # A window of the innermost positions is as costly as a causal sequence of twice as many.
    longest = None if window is None else 2 * window * prod(rates)

    @lru_cache(maxsize=1 << 12)
    def per_token(length: int) -> float:
        return flops_per_token(config, length if longest is None else min(length, longest), rates)

    def cost(tokens: int) -> float:
        # Two digits of the length: a corpus has as many lengths as sequences.
        digits = 10 ** max(0, len(str(tokens)) - 2)
        return (tokens + _SEQUENCE_TOKENS) * per_token(max(1, tokens // digits * digits))

    return cost
