"""Whether simulated intervals hold the truth. A part of ``studies/interval_coverage.py``."""

from __future__ import annotations

import numpy as np

MANY = 200_000  # rows that a truth without a formula is measured on

Generator = np.random.Generator
Each = list[bool]
Held = dict[str, tuple[list[bool | None], Each | None]]
"""By what an interval is of: whether that of each set holds the truth, None without one; whether
that of the percentile bootstrap does, where it is drawn."""


def inside(
    ends: tuple[np.ndarray, np.ndarray], truth: float, without: np.ndarray | None = None
) -> list[bool | None]:
    """Whether low (T,) to high (T,) hold the truth; None for NaN and where there is no interval."""
    low, high = ends
    none = np.isnan(low) if without is None else np.isnan(low) | without
    holds = (low <= truth) & (truth <= high)
    return [None if skip else bool(each) for skip, each in zip(none, holds, strict=True)]
