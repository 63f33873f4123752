"""How often 95% intervals hold what they are about: numbers, labels, rates.

A part of ``studies/interval_coverage.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from interval_coverage_held import MANY, Generator, Held, inside
from scipy.special import expit
from scipy.stats import norm

from hnet_seq.analysis.statistics import block_intervals
from hnet_seq.evidence.measures.spearman import rank_correlation, spearman
from hnet_seq.evidence.measures.target_intervals import (
    LABEL_SCORES,
    NUMBER_SCORES,
    label_table,
    number_table,
    target_intervals,
)
from hnet_seq.resampling import FEWEST_EVENTS, jackknife, quotient


def correlation(
    generator: Generator, trials: int, size: int, strength: float, kind: str, groups: int = 0
) -> Held:
    """Of a normal pair with correlation r, Spearman's is 6 / pi * arcsin(r / 2)."""

    def pair(count: int) -> np.ndarray:
        one, other = generator.normal(size=(2, count))
        return np.stack([one, strength * one + np.sqrt(1 - strength**2) * other])

    def rows(count: int) -> tuple[np.ndarray, np.ndarray | None]:
        if groups:  # of sizes that differ, half of the variance between them
            shares = generator.dirichlet(np.ones(groups))
            group = np.concatenate(
                [np.arange(groups), generator.choice(groups, count - groups, p=shares)]
            )
            return np.sqrt(0.5) * (pair(groups)[:, group] + pair(count)), group
        found = pair(count)
        if kind == "ties":
            found[0] = found[0].round()
        if kind == "two values":
            found[0] = found[0] > 0.8
        return found, None

    truth = 6 / np.pi * np.arcsin(strength / 2)
    if kind:
        truth = rank_correlation(*rows(MANY)[0])[0] or 0.0
    low, high = np.full((2, trials), np.nan)
    for trial in range(trials):
        (one, two), group = rows(size)
        ours = spearman(one, two, groups=group)
        if ours["low"] is not None and ours["high"] is not None:
            low[trial], high[trial] = ours["low"], ours["high"]
    return {"Spearman": (inside((low, high), truth), None)}


def labels_of(
    generator: Generator, trials: int, size: int, shares: list[float], apart: float
) -> Held:
    """Several labels of a row, which go together; each is measured with noise."""

    def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
        common, own = generator.normal(size=(count, 1)), generator.normal(size=(count, len(shares)))
        targets = (0.5 * common + np.sqrt(0.75) * own < norm.ppf(shares)).astype(float)
        x = generator.normal(size=targets.shape) + apart * targets
        odds = np.log(np.array(shares) / (1 - np.array(shares)))
        return expit(odds + apart * x - apart**2 / 2), targets

    sums = label_table(*rows(MANY)).sum(axis=0, keepdims=True)
    truth = {name: float(score(sums)[0]) for name, score in LABEL_SCORES.items()}
    return targets_held("multi-label", trials, truth, partial(rows, size), " of several labels")


def numbers(generator: Generator, trials: int, size: int, strength: float, tail: str) -> Held:
    """What is predicted explains r squared of the variance."""

    def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
        said = strength * generator.normal(size=(count, 1))
        error = getattr(generator, tail)(size=(count, 1)) / (1 if tail == "normal" else np.sqrt(2))
        return said, said + np.sqrt(1 - strength**2) * error

    sums = number_table(*rows(MANY)).sum(axis=0, keepdims=True)
    truth = {name: float(score(sums)[0]) for name, score in NUMBER_SCORES.items()}
    return targets_held("regression", trials, truth, partial(rows, size), "")


def targets_held(
    problem: str,
    trials: int,
    truth: dict[str, float],
    rows: Callable[[], tuple[np.ndarray, np.ndarray]],
    about: str,
) -> Held:
    ends = {name: np.full((2, trials), np.nan) for name in truth}
    for trial in range(trials):
        said, targets = rows()
        intervals, _ = target_intervals(problem, [said], targets)
        for name in truth:
            ends[name][:, trial] = intervals[name] or np.nan
    return {name + about: (inside((*ends[name],), truth[name]), None) for name in truth}


def blocks(
    generator: Generator, trials: int, count: int, bases: float, rate: float, spread: float
) -> Held:
    """Boundaries at about so many bases of each block; blocks differ in their rate, by ``spread``.

    Beside it the same blocks have other places, whose rate follows theirs, as controls do.
    """

    def rates(*shape: int) -> np.ndarray:
        drawn = min(rate, 1 - rate) * generator.gamma(1 / spread, spread, shape)
        return np.minimum(drawn, 0.95) if rate < 0.5 else 1 - np.minimum(drawn, 0.95)

    truth = float(rates(MANY).mean())
    # As places within two bases of sites, of which some blocks have many.
    bases_at = 1 + generator.poisson((bases - 1) * generator.gamma(2, 0.5, (count, trials)))
    own = rates(count, trials)
    at = generator.binomial(bases_at, own)
    beside = generator.binomial(100 * bases_at, own)
    share = block_intervals(bases_at, at)
    ratio = jackknife(
        np.stack([at, bases_at, beside, 100 * bases_at], axis=1),
        lambda sums: quotient(quotient(sums[:, 0], sums[:, 1]), quotient(sums[:, 2], sums[:, 3])),
        scale="ratio",
    )
    total = at.sum(axis=0)
    return {
        "rate": (inside(share, truth), None),
        "ratio of rates": (inside(ratio, 1.0, total < FEWEST_EVENTS), None),
    }
