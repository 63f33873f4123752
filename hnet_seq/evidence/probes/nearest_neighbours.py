"""Standardise, then count the classes of the nearest training vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hnet_seq.evidence.probes.folds import stratified_folds
from hnet_seq.evidence.probes.standardise import standardise

NEIGHBOURS = (1, 3, 5, 11, 21, 51, 101)
"""Numbers of neighbours that are tried, as far as there are that many."""

_BLOCK = 1 << 22  # distances held at a time


@dataclass(frozen=True)
class NearestNeighbours:
    """Remembers N training vectors of F features.

    Attributes:
        mean, scale: (F,) of the training features.
        vectors: (N, F) fp32, standardised.
        labels: (N,) class numbers.
        shares: (C,) of the classes in training.
        neighbours: how many are asked.
    """

    mean: np.ndarray
    scale: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray
    shares: np.ndarray
    neighbours: int

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(N, F) to the probabilities of the classes, (N, C) fp64."""
        asked = ((features - self.mean) / self.scale).astype(np.float32)
        nearest = self.labels[_nearest(self.vectors, asked, self.neighbours)]
        return _votes(nearest, self.shares)


def fit_nearest_neighbours(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> NearestNeighbours:
    """Fit on a training split; arguments and errors as
    :func:`hnet_seq.evidence.probes.logistic.fit_logistic`.

    Distances are Euclidean. A class's probability is its share of the votes, with one vote more
    that is divided as the training labels are. The number of neighbours with the lowest log loss
    over the folds wins; without folds it is the smallest.
    """
    standardised, mean, scale = standardise(features, labels, num_classes)
    vectors = standardised.astype(np.float32)
    shares = np.bincount(labels, minlength=num_classes) / len(labels)
    losses = np.zeros(len(NEIGHBOURS))
    for fit, held_out in stratified_folds(labels, groups, seed=seed):
        usable = [count for count in NEIGHBOURS if count <= len(fit)]
        nearest = labels[fit][_nearest(vectors[fit], vectors[held_out], usable[-1])]
        for index, count in enumerate(NEIGHBOURS):
            if count not in usable:
                losses[index] = np.inf
                continue
            found = _votes(nearest[:, :count], shares)
            losses[index] -= np.log(found[np.arange(len(held_out)), labels[held_out]]).mean()
    return NearestNeighbours(mean, scale, vectors, labels, shares, NEIGHBOURS[int(losses.argmin())])


def _nearest(known: np.ndarray, asked: np.ndarray, count: int) -> np.ndarray:
    """(M, ``count``) indices of the known vectors nearest to each of M, the nearest first."""
    norms = (known**2).sum(1)
    size = max(1, _BLOCK // len(known))
    found = [np.zeros((0, count), np.int64)]
    for begin in range(0, len(asked), size):
        # Without the norm of the asked vector, which is the same for all of its rivals.
        distance = norms - 2 * asked[begin : begin + size] @ known.T
        near = np.sort(np.argpartition(distance, count - 1, axis=1)[:, :count], axis=1)
        order = np.take_along_axis(distance, near, 1).argsort(axis=1, kind="stable")
        found.append(np.take_along_axis(near, order, 1))
    return np.concatenate(found)


def _votes(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(N, K) labels of neighbours to probabilities (N, C)."""
    votes = np.stack([(labels == number).sum(1) for number in range(len(shares))], 1)
    return (votes + shares) / (labels.shape[1] + 1)
