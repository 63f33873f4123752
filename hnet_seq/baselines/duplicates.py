"""Sequences that stand in both training and test, as they are or nearly, or under two labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from hnet_seq.baselines.near_duplicates import SHARE, WORD, near_duplicates

_COMPLEMENT = np.array([3, 2, 1, 0, *range(4, 256)], np.uint8)


class NearExample(TypedDict):
    """Names of the closest pair, and the share of words that it has in common."""

    test: str
    train: str
    share: float


class Duplicates(TypedDict):
    """Counts of test sequences, and of distinct sequences under more than one label."""

    test: int
    exact: int
    reverse_complement: int
    near: int
    near_example: NearExample | None
    conflicting_labels: int


def count_duplicates(
    train: Sequence[np.ndarray],
    train_labels: np.ndarray,
    test: Sequence[np.ndarray],
    test_labels: np.ndarray,
    *,
    train_names: Sequence[str],
    test_names: Sequence[str],
) -> Duplicates:
    """Test sequences that stand in train as they are, or only as their reverse complement.

    ``near`` counts those of the others that nearly do, on either strand, see
    :func:`hnet_seq.baselines.near_duplicates.near_duplicates`; names are for its example.
    ``conflicting_labels`` counts distinct sequences, of train and test together, that carry more
    than one label; a sequence and its reverse complement count as the same one.
    """
    known = {sequence.tobytes() for sequence in train}
    exact = [sequence.tobytes() in known for sequence in test]
    reverse = [_reverse_complement(sequence) in known for sequence in test]
    labels: dict[bytes, set[int]] = {}
    for sequences, numbers in ((train, train_labels), (test, test_labels)):
        for sequence, label in zip(sequences, numbers.tolist(), strict=True):
            key = min(sequence.tobytes(), _reverse_complement(sequence))
            labels.setdefault(key, set()).add(label)
    near = [n for n in near_duplicates(train, test) if not (exact[n.test] or reverse[n.test])]
    closest = max(near, key=lambda pair: pair.share, default=None)
    return Duplicates(
        test=len(test),
        exact=sum(exact),
        reverse_complement=sum(r and not e for e, r in zip(exact, reverse, strict=True)),
        near=len(near),
        near_example=None
        if closest is None
        else NearExample(
            test=test_names[closest.test],
            train=train_names[closest.train],
            share=round(closest.share, 3),
        ),
        conflicting_labels=sum(len(found) > 1 for found in labels.values()),
    )


def _reverse_complement(tokens: np.ndarray) -> bytes:
    return _COMPLEMENT[tokens[::-1]].tobytes()


def describe_duplicates(duplicates: Duplicates) -> str:
    """Two lines, for above the scores."""
    leaked = duplicates["exact"] + duplicates["reverse_complement"]
    example = duplicates["near_example"]
    closest = (
        f", {example['test']} {example['share']:.0%} with {example['train']}" if example else ""
    )
    return (
        f"duplicates: {leaked:,} of {duplicates['test']:,} test sequences stand in train "
        f"({duplicates['exact']:,} exactly, {duplicates['reverse_complement']:,} as reverse "
        f"complement); {duplicates['conflicting_labels']:,} sequences carry two labels\n"
        f"near duplicates: {duplicates['near']:,} more share {SHARE:.0%} or more of their words of "
        f"{WORD} bases with a training sequence{closest}"
    )
