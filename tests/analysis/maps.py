"""Dependency maps for tests: noise that falls with the distance."""

from __future__ import annotations

import math

import numpy as np


def noise(length: int, seed: int, columns: float = 0.0) -> np.ndarray:
    """A map whose values fall with the distance, and differ by chance.

    Args:
        columns: how much the bases that are read differ, all values of a column together.
    """
    generator = np.random.default_rng(seed)
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    found = generator.exponential(1 / np.maximum(distance, 1))
    found *= np.exp(columns * generator.normal(size=length))
    np.fill_diagonal(found, math.nan)
    return found
