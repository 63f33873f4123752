"""What makes a score mean less than it says: leaks between splits, shortcuts to the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

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
        groups: what must not be torn apart by a split, such as genes; None where unknown.
        lower_case: (N,) share of lower-case letters, 0..1.
        unknown: (N,) share of N.
        ambiguous: (N,) share of the other IUPAC codes.
    """

    sequences: list[Tokens]
    labels: NDArray[np.int64]
    names: list[str]
    ids: list[str] | None
    groups: list[str] | None
    lower_case: NDArray[np.floating]
    unknown: NDArray[np.floating]
    ambiguous: NDArray[np.floating]


class Finding(TypedDict):
    """One thing that is wrong: how bad, what was found, and what to do."""

    severity: str
    text: str
    remedy: str


class Audit(TypedDict):
    """Goes to ``classification.json`` as it is; ``findings`` come worst first."""

    findings: list[Finding]


def audit(
    train: Examples,
    test: Examples,
    classes: Sequence[str],
    *,
    validation: Examples | None = None,
    seed: int = 0,
) -> tuple[Audit, NDArray[np.bool_]]:
    """Look for leaks and shortcuts.

    Returns:
        the findings; and (n_test,) False for test sequences that stand in train or validation,
        as they are, as their reverse complement, or nearly.
    """
    return Audit(findings=[]), np.ones(len(test.labels), bool)


def describe_audit(audit: Audit) -> str:
    """One line for each finding, the worst first, for above the scores."""
    return "\n".join(f"{each['text']}: {each['remedy']}" for each in audit["findings"])
