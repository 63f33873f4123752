"""How many test sequences of a class F1 and MCC ask for, and what that asks of their intervals.

Of tests in which a class is expected to be rarer than that, those have an interval that hold more
of it by chance, and F1 and MCC rise with the share of a rare class: on their own the intervals of
such tests hold the truth in as few as 84% of them (``studies/interval_coverage_exact.py``).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

Floats = NDArray[np.float64]

FEWEST = 13  # test sequences of every class: what chance alone gives a test where five are expected
# once in 2,000 times (studies/interval_coverage_exact.py)


def expected_members(found: Floats) -> Floats:
    """How many of a class to expect in a test that was let in with ``found``, at most as many.

    The number that has the mean found, and half a one more, among the Poisson numbers of at least
    :data:`FEWEST`: far below it at the limit, the same far above.
    """
    expected, means = _means()
    return np.minimum(np.interp(found + 0.5, means, expected, right=np.inf), found)


@cache
def _means() -> tuple[Floats, Floats]:
    """Expected numbers, and the means of those of them that are not too few."""
    expected = np.arange(0.5, 8 * FEWEST, 0.05)
    let_in = poisson.sf(FEWEST - 1, expected)
    return expected, expected * poisson.sf(FEWEST - 2, expected) / let_in
