"""How many test sequences of a class an interval of MCC or F1 asks for: coverage without draws.

All tables of two classes that a test can have are summed with their probabilities, for tests of 30
to 300 sequences, 4 to 40 of them expected in the rarer class, two normal distributions 0.8 to 3
standard deviations apart, and a threshold at the posterior or halfway. Prints a row for each number
that could be asked for (``FEWEST``) and each share of tests that then have an interval: how often
these hold the truth, in the worst and the best kind of test, and of how many kinds that is outside
of 93 to 97%.

    python studies/interval_coverage_exact.py
"""

from __future__ import annotations

import argparse
from itertools import pairwise

import numpy as np
from scipy.stats import binom, norm

from hnet_seq.evidence.measures.class_intervals import FEWEST_CALLED
from hnet_seq.evidence.measures.class_table import ClassTable, one_classifier
from hnet_seq.evidence.measures.metrics import confusion_metrics

ROWS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
FEWEST = range(10, 16)
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


def coverage(size: int, cells: np.ndarray) -> dict[tuple[str, int], tuple[float, float]]:
    """By score and what is asked for: the share of tests with an interval, and of these holding."""
    counts, chances = tables(size, cells)
    members = np.minimum(counts[2:].sum(0), counts[:2].sum(0))
    called = np.minimum(counts[[1, 3]].sum(0), counts[[0, 2]].sum(0))
    given = (members >= min(FEWEST)) & (called >= FEWEST_CALLED)
    counts, chances, members = counts[:, given], chances[given], members[given]
    table = ClassTable.with_prior(ROWS, counts, one_classifier(2), 2)
    found = {}
    for name in ("mcc", "f1"):
        true = float(confusion_metrics(cells.reshape(2, 2))[name])
        low, high = table.intervals(name, np.ones(1))
        held = (low <= true) & (true <= high)
        for fewest in FEWEST:
            has = members >= fewest
            share = float(chances[has].sum())
            found[name, fewest] = share, float(chances[has & held].sum()) / max(share, RARE)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=f"{__doc__}".splitlines()[0])
    parser.add_argument("--kinds", type=int, default=150, help="of tests (%(default)s)")
    parser.add_argument("--seed", type=int, default=16, help="of the kinds (%(default)s)")
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    every = []
    for _ in range(args.kinds):
        size = int(np.exp(generator.uniform(np.log(30), np.log(300))))
        share = min(generator.uniform(4, 40) / size, 0.5)
        apart, halfway = generator.uniform(0.8, 3), bool(generator.random() < 0.3)
        every.append(coverage(size, cells_of(share, apart, halfway=halfway)))
    few = coverage(50, cells_of(0.1, 1.5))
    print("| asked for | 50 sequences, 5 expected | given | kinds | MCC | outside | F1 | outside |")
    print("|---|---|---|---|---|---|---|---|")
    for fewest in FEWEST:
        for low, high in pairwise(GIVEN):
            line = f"| {fewest} | {few['mcc', fewest][0]:.2%} | {low} to {high} |"
            for name in ("mcc", "f1"):
                held = [e[name, fewest][1] for e in every if low <= e[name, fewest][0] <= high]
                line += f" {len(held)} |" if name == "mcc" else ""
                outside = sum(not 0.93 <= each <= 0.97 for each in held)
                line += f" {min(held):.3f} to {max(held):.3f} | {outside} |"
            print(line)


if __name__ == "__main__":
    main()
