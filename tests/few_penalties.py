"""Verbs fit many classifiers, in tests with few penalties: how one is chosen has its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hnet_seq.evidence.probes import logistic


def take_few(patch: pytest.MonkeyPatch) -> None:
    """Two penalties; words have their own, whose choice some tests' claims need."""
    patch.setattr(logistic, "PENALTIES", (1e-3, 1e-1))


@contextmanager
def few_penalties() -> Iterator[None]:
    """As long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        take_few(patch)
        yield
