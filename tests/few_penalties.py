"""Verbs fit many classifiers, in tests with few penalties: how one is chosen has its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hnet_seq.evidence.probes import logistic, word_fits


def take_few(patch: pytest.MonkeyPatch) -> None:
    """Two penalties, and one power of words."""
    patch.setattr(logistic, "PENALTIES", (1e-3, 1e-1))
    patch.setattr(word_fits, "PENALTIES", (1e-4, 1e-3))
    patch.setattr(word_fits, "POWERS", (1.0,))


@contextmanager
def few_penalties() -> Iterator[None]:
    """As long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        take_few(patch)
        yield
