"""Verbs fit many classifiers, in tests with one penalty: how one is chosen has its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hnet_seq.evidence.probes import logistic, word_fits

PENALTY = 1e-1
OF_WORDS = (1.0, 1e-2)  # and their power


def _penalty(features: Any, labels: Any, groups: Any, seed: int) -> float:
    return PENALTY if logistic.stratified_folds(labels, groups, seed=seed) else 1.0


def _of_words(words: Any, problem: Any, folds: list[Any]) -> tuple[float, float]:
    return OF_WORDS if folds else (1.0, 1.0)


def take_few(patch: pytest.MonkeyPatch) -> None:
    """Folds are made as ever; what would be fitted in them is a choice that is made already."""
    patch.setattr(logistic, "_choose_penalty", _penalty)
    patch.setattr(word_fits, "_choose", _of_words)


@contextmanager
def few_penalties() -> Iterator[None]:
    """As long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        take_few(patch)
        yield
