"""Labelled sequences for audits."""

from __future__ import annotations

import numpy as np

from hnet_seq.evidence.audit.task import Audit, Examples
from modalities import dna


def examples(
    letters: list[str],
    labels: list[int],
    *,
    ids: list[str] | None = None,
    groups: list[str] | None = None,
) -> Examples:
    """As a table would give them; names are lines of it."""

    def share(count: list[int]) -> np.ndarray:
        return np.array(count) / np.maximum(1, [len(each) for each in letters])

    return Examples(
        [dna.encode(each) for each in letters],
        np.array(labels, np.int64),
        [f"line {line}" for line in range(2, len(letters) + 2)],
        ids,
        groups,
        share([sum(map(str.islower, each)) for each in letters]),
        share([each.upper().count("N") for each in letters]),
        share([sum(letter not in "ACGTUN" for letter in each.upper()) for each in letters]),
    )


def random_letters(count: int, seed: int, length: int = 120) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join("ACGT"[i] for i in generator.integers(4, size=length)) for _ in range(count)]


def kinds(found: Audit) -> list[tuple[str, str]]:
    """Severity and kind of each finding."""
    return [(each["severity"], each["kind"]) for each in found["findings"]]


def finding(found: Audit, kind: str) -> str:
    """The text and remedy of the first of a kind."""
    return next(
        f"{each['text']} -> {each['remedy']}" for each in found["findings"] if each["kind"] == kind
    )
