"""Fits to little data, of which a choice of settings takes hundreds.

What scikit-learn and BLAS do around such a fit takes longer than the fit: arguments are checked at
every one, and OpenBLAS hands the steps of L-BFGS, of a few dozen numbers, to all its threads, which
beside other work wait for each other (ten times the CPU seconds for 60 rows of 32 features, four
times for the words of 3,000 sequences).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from sklearn import config_context
from threadpoolctl import ThreadpoolController

_LITTLE = 1 << 24
"""Features in all, up to which their product with a vector is no work for two threads: of 6 million
it takes three times the CPU seconds of one, and no less time where another process computes."""


@contextmanager
def unattended(features: np.ndarray) -> Iterator[None]:
    """Fit to (N, F) finite features without checks of arguments; in one thread if they are few."""
    with (
        config_context(assume_finite=True, skip_parameter_validation=True),
        one_thread_if_little(features.size),
    ):
        yield


@contextmanager
def one_thread_if_little(size: int) -> Iterator[None]:
    """Many products of a matrix with one vector, in one thread where two would wait.

    Args:
        size: numbers in the matrix.
    """
    if size > _LITTLE:
        yield
    else:
        with _controller().limit(limits=1, user_api="blas"):
            yield


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all libraries of the process: milliseconds
