"""Which class was called what, as counts of cells: scores of it, and their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from hnet_seq.evidence.measures.let_in import FEWEST, FEWEST_CALLED, LetIn
from hnet_seq.evidence.measures.metrics import confusion_metric, confusion_slopes
from hnet_seq.evidence.measures.tilting import Floats, tilted_intervals

Prior = list[tuple[tuple[int, ...], float]]
"""Rows that a test need not hold, and how many sequences they count for."""


@dataclass(frozen=True)
class ClassTable:
    """How many sequences have a label and were called what, in T tests.

    Attributes:
        rows: (M, 1 + columns) class numbers: the label, and what each column of predictions says.
        counts: (M, T).
        prior: (M,) sequences that are added to each test.
        classes: C.
        fewest_of_class, fewest_called: what a test has to hold to have an interval of F1 or MCC;
            the calls are by score.
    """

    rows: NDArray[np.int64]
    counts: Floats
    prior: Floats
    classes: int
    fewest_of_class: int = FEWEST
    fewest_called: Mapping[str, int] = field(default_factory=lambda: FEWEST_CALLED)

    @classmethod
    def of(
        cls,
        labels: NDArray[np.integer],
        columns: Sequence[NDArray[np.int64]],
        prior: Callable[[int], Prior],
    ) -> ClassTable:
        """Of one test, and the classes that occur or are predicted, numbered anew: two at least."""
        table = np.stack([labels, *columns], axis=1)
        present, numbers = np.unique(table, return_inverse=True)
        rows, counts = np.unique(numbers.reshape(table.shape), axis=0, return_counts=True)
        classes = max(len(present), 2)
        return cls.with_prior(rows, counts[:, None], prior(classes), classes)

    @classmethod
    def with_prior(
        cls, rows: NDArray[np.int64], counts: NDArray[np.integer], prior: Prior, classes: int
    ) -> ClassTable:
        """Of rows and their counts (M, T)."""
        added = np.zeros((len(prior), counts.shape[1]))
        return cls(
            np.concatenate([rows, np.array([row for row, _ in prior]).reshape(-1, rows.shape[1])]),
            np.concatenate([counts, added]),
            np.concatenate([np.zeros(len(rows)), [mass for _, mass in prior]]),
            classes,
        )

    def fewest(self) -> tuple[Floats, Floats]:
        """Sequences, (T,) each, of the rarest class, and that were called the rarest one.

        Several columns of predictions count as their mean.
        """
        every = range(self.classes)
        of_class = [self.counts[self.rows[:, 0] == number].sum(axis=0) for number in every]
        columns = self.rows[:, 1:]
        called = [(columns == number).mean(axis=1) @ self.counts for number in every]
        # Thirds of three seeds sum up to a little less than the whole.
        return np.min(of_class, axis=0), np.min(called, axis=0).round(6)

    def intervals(self, name: str, share: Floats) -> tuple[Floats, Floats]:
        """95% intervals, (T,) each, of the sum over columns of a metric times the column's share.

        A difference jumps where two classifiers are told apart by few sequences: what is measured
        is taken halfway to that of the table with the prior. Intervals of F1 and MCC are those of
        tests with enough of each class (:mod:`hnet_seq.evidence.measures.let_in`).
        """
        weights = self.counts + self.prior[:, None]
        values = self.scores(name, share)
        centre = values
        if (share < 0).any():
            centre = (values + self._scores(name, share, weights)) / 2
        shape = (self.classes, self.classes, -1)

        def functional(tilted: Floats) -> tuple[Floats, Floats]:
            found, influence = np.zeros(tilted.shape[1]), np.zeros_like(tilted)
            for place, summed, part in zip(*self._places, share, strict=True):
                cells = (summed @ tilted).reshape(shape)
                found += part * confusion_metric(name, cells)
                slopes = confusion_slopes(name, cells).reshape(self.classes**2, -1)
                influence += part * slopes[place]
            return found, influence

        let_in = self._let_in(name, share) if name in self.fewest_called else None
        sizes = self.counts.sum(axis=0)
        low, high = tilted_intervals(functional, weights, centre, sizes, let_in)
        return np.minimum(low, values), np.maximum(high, values)

    def _let_in(self, name: str, share: Floats) -> LetIn:
        """Enough of each class, and enough calls of it by each of the classifiers compared."""
        counted = [self.rows[:, :1]]
        counted += [self.rows[:, 1:][:, side] for side in (share > 0, share < 0) if side.any()]
        parts = [
            csr_array((columns == number).mean(axis=1)[None])
            for number in range(self.classes)
            for columns in counted
        ]
        called = [self.fewest_called[name]] * (len(counted) - 1)
        return LetIn(vstack(parts).tocsr(), np.array([self.fewest_of_class, *called]))

    def scores(self, name: str, share: Floats) -> Floats:
        """(T,) the sum over columns of a metric times the column's share, of the counts alone."""
        return self._scores(name, share, self.counts)

    def _scores(self, name: str, share: Floats, weights: Floats) -> Floats:
        shape = (self.classes, self.classes, -1)
        return np.asarray(
            sum(
                part * confusion_metric(name, (summed @ weights).reshape(shape))
                for summed, part in zip(self._places[1], share, strict=True)
            )
        )

    @cached_property
    def _places(self) -> tuple[list[NDArray[np.int64]], list[csr_array]]:
        """Of each column the cell (M,) of each row, and the sums over the rows of each cell."""
        many = len(self.rows)
        places = [self.rows[:, 0] * self.classes + column for column in self.rows.T[1:]]
        shape = (self.classes**2, many)
        ones, order = np.ones(many), np.arange(many)
        return places, [csr_array((ones, (place, order)), shape=shape) for place in places]


def one_classifier(classes: int, seeds: int = 1) -> Prior:
    """One sequence in all that is right and one that is wrong, with every seed of training."""
    right, wrong = _masses(classes)
    return [
        ((true, *(called,) * seeds), right if true == called else wrong)
        for true, called in product(range(classes), repeat=2)
    ]


def two_classifiers(classes: int, one: int = 1, other: int = 1) -> Prior:
    """Half a sequence that both have right, half that neither has; one that each has alone.

    With every one of their seeds. A small test has not met all that tells the two apart.
    """
    right, wrong = _masses(classes)
    cells: Prior = []
    for true, called in product(range(classes), repeat=2):
        if true == called:
            cells.append(((true, *(true,) * (one + other)), right / 2))
            continue
        for first, second, mass in (
            (true, called, wrong),
            (called, true, wrong),
            (called, called, wrong / 2),
        ):
            cells.append(((true, *(first,) * one, *(second,) * other), mass))
    return cells


def _masses(classes: int) -> tuple[float, float]:
    """Of a right and of a wrong cell: one sequence of either in all."""
    return 1 / classes, 1 / (classes * (classes - 1))
