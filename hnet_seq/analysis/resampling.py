"""Quotients that may be empty, and the quantiles of their replicates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def quotient(above: Any, below: Any) -> Any:
    """above / below, NaN where below is 0."""
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.divide(above, below, out=np.full(shape, np.nan), where=below > 0)[()]


def quantiles(sample: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """2.5% and 97.5% of each column; NaN where a column has nothing."""
    low, high = (np.full(sample.shape[1], np.nan) for _ in range(2))
    some = np.isfinite(sample).any(axis=0)
    if some.any():
        low[some], high[some] = np.nanquantile(sample[:, some], [0.025, 0.975], axis=0)
    return low, high


def interval(sample: NDArray[np.float64] | None) -> tuple[float | None, float | None]:
    """2.5% and 97.5% of a sample; None where there is none."""
    if sample is None or not np.isfinite(sample).any():
        return None, None
    low, high = np.nanquantile(sample, [0.025, 0.975])
    return float(low), float(high)


def number(value: float) -> float | None:
    """For JSON: six decimals, and None for what is not finite."""
    return round(float(value), 6) if np.isfinite(value) else None
