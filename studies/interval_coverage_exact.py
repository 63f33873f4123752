"""What an interval of MCC or F1 asks of a test: coverage without draws.

All tables of two classes that a test can have are summed with their probabilities, for tests of 30
to 300 sequences, 4 to 60 of them expected in the rarer class, two normal distributions 0.5 to 3
standard deviations apart, and a threshold at the posterior, or halfway. Of a second lot of kinds
the classes lie 0.5 to 1.6 apart, so that the posterior calls the rarer one 2 to 24 times. Prints a
row for each pair of numbers that could be asked for (``ASKED``) and each share of tests that then
have an interval: how often these hold the truth, in the worst and the best kind of test, and of how
many kinds that is outside of 93 to 97%.

    python studies/interval_coverage_exact.py
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.stats import binom, norm

from hnet_seq.evidence.measures.class_table import ClassTable, one_classifier
from hnet_seq.evidence.measures.metrics import confusion_metrics

ROWS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
ASKED = [(13, 4), (13, 6), (13, 8)]
"""Sequences of each class, and calls of it."""
GIVEN = (0.1, 0.3, 0.7, 1.0)
RARE = 1e-7  # tables that are left out


def cells_of(share: float, apart: float, *, halfway: bool = False) -> np.ndarray:
    """(4,) probabilities of label 0 or 1, called 0 or 1."""
    cut = apart / 2 - (0 if halfway else np.log(share / (1 - share)) / apart)
    wrong, right = (1 - share) * norm.sf(cut), share * norm.sf(cut - apart)
    return np.array([1 - share - wrong, wrong, share - right, right])


def tables(size: int, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts (4, T) of the tables of a test, and their probabilities (T,)."""
    share = cells[2:].sum()
    every = np.arange(size + 1)
    found, chances = [], []
    for number in np.flatnonzero(binom.pmf(every, size, share) > RARE):
        right = binom.pmf(every[: number + 1], number, cells[3] / share)
        wrong = binom.pmf(every[: size - number + 1], size - number, cells[1] / (1 - share))
        each = binom.pmf(number, size, share) * right[:, None] * wrong
        hit, missed = np.nonzero(each > RARE)
        found.append(np.stack([size - number - missed, missed, number - hit, hit]))
        chances.append(each[hit, missed])
    return np.concatenate(found, axis=1), np.concatenate(chances)


def coverage(
    size: int, cells: np.ndarray, asked: tuple[int, int]
) -> tuple[float, dict[str, float]]:
    """The share of tests with an interval, and the share of these that hold each score."""
    counts, chances = tables(size, cells)
    members = np.minimum(counts[2:].sum(0), counts[:2].sum(0))
    called = np.minimum(counts[[1, 3]].sum(0), counts[[0, 2]].sum(0))
    given = (members >= asked[0]) & (called >= asked[1])
    counts, chances = counts[:, given], chances[given]
    table = replace(
        ClassTable.with_prior(ROWS, counts, one_classifier(2), 2),
        fewest_of_class=asked[0],
        fewest_called=dict.fromkeys(("mcc", "f1"), asked[1]),
    )
    held = {}
    for name in ("mcc", "f1"):
        true = float(confusion_metrics(cells.reshape(2, 2))[name])
        low, high = table.intervals(name, np.ones(1))
        held[name] = float(chances[(low <= true) & (true <= high)].sum()) / max(chances.sum(), RARE)
    return float(chances.sum()), held


def one_kind(generator: np.random.Generator, *, shy: bool = False) -> tuple[int, np.ndarray]:
    """Sequences of a test, and its cells."""
    size = int(np.exp(generator.uniform(np.log(30), np.log(300))))
    share = min(generator.uniform(4, 60) / size, 0.5)
    apart = generator.uniform(0.5, 1.6 if shy else 3)
    halfway = not shy and bool(generator.random() < 0.3)
    return size, cells_of(share, apart, halfway=halfway)


def main() -> None:
    parser = argparse.ArgumentParser(description=f"{__doc__}".splitlines()[0])
    parser.add_argument("--kinds", type=int, default=100, help="of tests (%(default)s)")
    parser.add_argument("--shy", type=int, default=40, help="of the second lot (%(default)s)")
    parser.add_argument("--seed", type=int, default=16, help="of the kinds (%(default)s)")
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    kinds = [one_kind(generator) for _ in range(args.kinds)]
    while len(kinds) < args.kinds + args.shy:
        size, cells = one_kind(generator, shy=True)
        if 2 <= size * (cells[1] + cells[3]) <= 24:
            kinds.append((size, cells))
    print("| of a class | called | given | kinds | MCC | outside | F1 | outside |")
    print("|---|---|---|---|---|---|---|---|")
    for asked in ASKED:
        every = [coverage(*kind, asked) for kind in kinds]
        for low, high in pairwise(GIVEN):
            line = f"| {asked[0]} | {asked[1]} | {low} to {high} |"
            for name in ("mcc", "f1"):
                held = [each[name] for given, each in every if low <= given <= high]
                line += f" {len(held)} |" if name == "mcc" else ""
                outside = sum(not 0.93 <= each <= 0.97 for each in held)
                line += f" {min(held):.3f} to {max(held):.3f} | {outside} |" if held else " |  |"
            print(line, flush=True)


if __name__ == "__main__":
    main()
