"""Labelled sequences with what an audit needs to know of where they come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modalities.base import Tokens


@dataclass(frozen=True)
class Examples:
    """N labelled sequences of one split.

    Attributes:
        sequences: tokens of each, A C G T = 0..3.
        labels: (N,) class numbers.
        names: where each comes from, for messages.
        ids: what the table calls each; None where it does not.
        groups: where each comes from, such as its gene, if the user says so; None where unknown.
        lower_case: (N,) share of lower-case letters, 0..1.
        unknown: (N,) share of N.
        ambiguous: (N,) share of the other IUPAC codes.
        together: what a further split must keep together: copies, groups, near duplicates where
            the split went by them; None where nothing is known.
        targets: (N, C) of 0 and 1 where rows have several labels, (N, 1) where they have numbers;
            ``labels`` then number sets of labels, or are 0. None for classes.
    """

    sequences: list[Tokens]
    labels: NDArray[np.int64]
    names: list[str]
    ids: list[str] | None
    groups: list[str] | None
    lower_case: NDArray[np.floating]
    unknown: NDArray[np.floating]
    ambiguous: NDArray[np.floating]
    together: list[str] | None = None
    targets: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """N."""
        return len(self.labels)

    def name(self, index: int) -> str:
        """The place of a sequence, with its id if there is one."""
        return self.names[index] if self.ids is None else f"{self.names[index]} ({self.ids[index]})"


Splits = dict[str, Examples]
"""By name, in the order train, validation (if there is one), test."""
