"""What hangs together: connected components, without scipy, whose import costs half a second."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def connected(count: int, one: ArrayLike, other: ArrayLike) -> NDArray[np.int64]:
    """(count,) numbers from 0, the same for items that links connect, by their first item.

    Every group takes on the least number that a link shows it, until none changes. A group that
    changes merges with another, and one that does not is the least among its neighbours, so each
    round at least halves those that have neighbours left.

    Args:
        count: items, known as 0 to ``count - 1``.
        one, other: (M,) the items that each link connects.
    """
    one, other = (np.asarray(side, np.int64).ravel() for side in (one, other))
    least = np.arange(count)
    while True:
        here, there = least[one], least[other]
        found = least.copy()
        np.minimum.at(found, here, there)
        np.minimum.at(found, there, here)
        while not np.array_equal(found, further := found[found]):
            found = further
        if np.array_equal(found, least):
            return np.unique(least, return_inverse=True)[1].astype(np.int64)
        least = found
