"""Whether labels follow from sequences at all: simple rules, and what relatives are labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.examples import Examples
from hnet_seq.evidence.audit.pool import word_counts
from hnet_seq.evidence.measures.metrics import matthews_correlation
from hnet_seq.results.audited import Signal

_WORD = 4  # bases: a Markov model of order 3 for each class
_ADDED = 0.5  # to each count
_FOLDS = 5
_CHANCE = 4.0  # standard errors: the best of several rules, on several folds


def words_rule(
    train: Examples, test: Examples, num_classes: int, *, seed: int = 0
) -> tuple[float | None, float]:
    """MCC inside train (None: too few) and on test of the class whose Markov model of order 3
    likes a sequence best; copies and groups are in one fold."""
    counts, test_counts = (word_counts(each.sequences, _WORD) for each in (train, test))
    predicted = _likeliest(_chains(counts, train.labels, num_classes), test_counts)
    on_test = matthews_correlation(predicted, test.labels, num_classes)
    folds = _folds(train, seed)
    inside = np.zeros(len(train), np.int64)
    for fold in range(_FOLDS):
        held = folds == fold
        there = np.bincount(train.labels[~held], minlength=num_classes)
        if not held.any() or there.min() == 0:
            return None, on_test
        chains = _chains(counts[~held], train.labels[~held], num_classes)
        inside[held] = _likeliest(chains, counts[held])
    return matthews_correlation(inside, train.labels, num_classes), on_test


def _folds(train: Examples, seed: int) -> NDArray[np.int64]:
    together = np.arange(len(train))
    if train.together is not None:
        together = np.unique(train.together, return_inverse=True)[1]
    groups = int(together.max(initial=-1)) + 1
    return np.asarray(np.random.default_rng(seed).permutation(groups)[together] % _FOLDS)


def _chains(
    counts: NDArray[np.int32], labels: NDArray[np.int64], num_classes: int
) -> NDArray[np.float32]:
    """(words, C) log probability of the last base of each word after the others."""
    held = np.stack([counts[labels == label].sum(0) for label in range(num_classes)], 1)
    found = (held + _ADDED).reshape(-1, 4, num_classes)
    shares = found / found.sum(1, keepdims=True)
    return np.asarray(np.log(shares).reshape(-1, num_classes), np.float32)


def _likeliest(chains: NDArray[np.float32], counts: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.asarray((counts @ chains).argmax(1), np.int64)


def find_signal(
    train: Examples,
    test: Examples,
    num_classes: int,
    rules: Mapping[str, Sequence[float | None]],
    closest: NDArray[np.int64],
    asked: NDArray[np.int64],
) -> Signal:
    """What rules reach, and what relatives of test sequences in train are labelled.

    Args:
        rules: MCC inside train and on test of each.
        asked: (M,) test sequences that have a relative.
        closest: (M,) the training sequence that is theirs.
    """
    own, theirs = test.labels[asked], train.labels[closest]
    shares = [
        np.bincount(labels, minlength=num_classes) / max(1, len(labels)) for labels in (own, theirs)
    ]
    predicted = np.full(len(test), int(np.bincount(train.labels, minlength=1).argmax()))
    predicted[asked] = theirs
    return Signal(
        rules={name: [_rounded(each) for each in scores] for name, scores in rules.items()},
        chance=round(_CHANCE * sqrt(1 / max(1, len(train))), 3),
        pairs=len(asked),
        same=int((own == theirs).sum()),
        expected=round(float((shares[0] * shares[1]).sum() * len(asked)), 1),
        lookup=_rounded(matthews_correlation(predicted, test.labels, num_classes))
        if len(asked)
        else None,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 3)
