"""Weights and tokens that are the same wherever they are drawn: of names, shapes and a seed.

Raw output of Philox, which NumPy promises to keep, times powers of two and a scale: so activations
of another program need not come with the weights that gave them (``tests/model/released_parity``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def uniform(name: str, count: int, seed: int) -> np.ndarray:
    """(count,) float64 in [-1, 1), multiples of 2 ** -23."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    key = np.frombuffer(digest[:16], "<u8")
    return (np.random.Philox(key=key).random_raw(count) >> 40) * 2.0**-23 - 1


def drawn(name: str, shape: Iterable[int], seed: int) -> Tensor:
    """The parameter of that name, fp32, of a size at which every part of the network matters.

    Biases, norms, decays and step sizes are spread, too, so that none can be left out or exchanged.
    """
    shape = tuple(shape)
    values = uniform(name, math.prod(shape), seed).reshape(shape)
    center, spread = _range(name, shape)
    return torch.from_numpy((center + spread * values).astype(np.float32))


def _range(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    leaf = name.rsplit(".", 1)[-1]
    if leaf in ("dt_bias", "A_log", "D", "pad_dimension", "bias"):
        own = {"dt_bias": (-2, 2), "A_log": (1.4, 1.4), "D": (1, 0.5), "pad_dimension": (0, 1)}
        return own.get(leaf, (0, 0.5))
    if "norm" in name:
        return 1, 0.25
    if name == "embeddings.weight":
        return 0, math.sqrt(3)
    return 0, math.sqrt(3 / math.prod(shape[1:]))  # outputs as large as inputs


def drawn_tokens(lengths: Iterable[int], symbols: int, seed: int) -> list[Tensor]:
    """Sequences (L,) int64 of tokens below ``symbols``."""
    return [
        torch.from_numpy(((uniform(f"tokens.{i}", n, seed) + 1) / 2 * symbols).astype(np.int64))
        for i, n in enumerate(lengths)
    ]
