"""The sequences of all splits in one list, for what does not ask which split one is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.examples import Splits
from hnet_seq.evidence.similarity.parts import parts
from hnet_seq.results.audit import Labelled
from modalities.base import Tokens

_PART_BASES = 1 << 21  # at a time


@dataclass(frozen=True)
class Pool:
    """N sequences.

    Attributes:
        sequences: tokens of each.
        labels: (N,) class numbers.
        names: with the split.
        split: (N,) its name.
        classes: names of the numbers.
        lengths: (N,) bases.
    """

    sequences: list[Tokens]
    labels: NDArray[np.int64]
    names: list[str]
    split: NDArray[np.str_]
    classes: Sequence[str]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, splits: Splits, classes: Sequence[str]) -> Pool:
        """Everything, in the order of the splits."""
        sequences = [each for split in splits.values() for each in split.sequences]
        return cls(
            sequences,
            np.concatenate([split.labels for split in splits.values()]),
            [f"{key}, {split.name(i)}" for key, split in splits.items() for i in range(len(split))],
            np.repeat(list(splits), [len(split) for split in splits.values()]),
            classes,
            np.array([len(each) for each in sequences], np.int64),
        )

    def labelled(self, *numbers: int) -> list[Labelled]:
        """Sequences with their classes, for a reader."""
        return [Labelled(name=self.names[i], label=self.classes[self.labels[i]]) for i in numbers]


def word_counts(sequences: Sequence[Tokens], size: int) -> NDArray[np.int32]:
    """(N, 4**size): how often each word of ``size`` bases stands in each sequence."""
    words = 4**size
    counts = [np.zeros((0, words), np.int32)]
    for begin, end in parts(sequences, _PART_BASES):
        part = sequences[begin:end]
        tokens = np.concatenate([np.append(each, np.uint8(4)) for each in part])
        owner = np.repeat(np.arange(len(part)), [len(each) + 1 for each in part])
        count = max(0, len(tokens) - size + 1)
        codes, known = np.zeros(count, np.int64), np.ones(count, bool)
        for place in range(size):
            base = tokens[place : place + count]
            known &= base < 4
            codes = codes << 2 | (base & 3)
        codes += owner[:count] * words
        found = np.bincount(codes[known], minlength=len(part) * words)
        counts.append(found.reshape(len(part), words).astype(np.int32))
    return np.concatenate(counts)
