"""How often 95% intervals hold what they are about: simulations with a known answer.

Prints the table of docs/evidence.md: a row for each interval, size and class share, with the share
of simulated test sets that have an interval, how often it holds the truth (a star outside of 93 to
97%), and, of classes, how often that of draws with replacement would, the percentile bootstrap.

    python studies/interval_coverage.py --trials 2000 --seed 0
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np
from scipy.special import expit
from scipy.stats import norm, rankdata

from hnet_seq.analysis.statistics import block_intervals
from hnet_seq.baselines.class_intervals import FEWEST, HIGHEST_AREA, auroc_intervals
from hnet_seq.baselines.class_table import ClassTable, one_classifier, two_classifiers
from hnet_seq.baselines.metrics import confusion_metrics
from hnet_seq.baselines.spearman import rank_correlation, spearman
from hnet_seq.baselines.target_intervals import (
    LABEL_SCORES,
    NUMBER_SCORES,
    label_table,
    number_table,
    target_intervals,
)
from hnet_seq.resampling import FEWEST_EVENTS, jackknife, quotient

REPLICATES = 200
DRAWN = 500  # tests whose draws with replacement are looked at
SEVERAL = 5  # times as many tests of classes, which cost less
MANY = 200_000  # rows that a truth without a formula is measured on

Generator = np.random.Generator
Metric = Callable[[np.ndarray], np.ndarray]
Each = list[bool]
Held = dict[str, tuple[list[bool | None], Each | None]]
"""By what an interval is of: whether that of each set holds the truth, None without one; whether
that of the percentile bootstrap does, where it is drawn."""


def inside(
    ends: tuple[np.ndarray, np.ndarray], truth: float, without: np.ndarray | None = None
) -> list[bool | None]:
    """Whether low (T,) to high (T,) hold the truth; None for NaN and where there is no interval."""
    low, high = ends
    none = np.isnan(low) if without is None else np.isnan(low) | without
    holds = (low <= truth) & (truth <= high)
    return [None if skip else bool(each) for skip, each in zip(none, holds, strict=True)]


def two_classes(
    generator: Generator, trials: int, size: int, share: float, apart: float, noises: list[float]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (trials, size), and the log odds of classifiers of one measurement, with noise."""
    labels = (generator.random((trials, size)) < share).astype(int)
    x = generator.normal(size=labels.shape) + apart * labels
    found = []
    for spread in noises:
        between = apart / np.sqrt(1 + spread**2)
        seen = (x + spread * generator.normal(size=x.shape)) / np.sqrt(1 + spread**2)
        found.append(np.log(share / (1 - share)) + between * seen - between**2 / 2)
    return labels, found


def table_of(columns: list[np.ndarray], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows (M, columns) of class numbers, and how many (M, T) each test has of each."""
    rows = np.array(list(product(range(classes), repeat=len(columns))))
    cells = classes ** len(columns)
    code = np.zeros_like(columns[0])
    for column in columns:
        code = code * classes + column
    tests = np.arange(len(code))[:, None]
    counts = np.bincount((code * len(code) + tests).ravel(), minlength=cells * len(code))
    return rows, counts.reshape(cells, -1)


def refused(counts: np.ndarray, rows: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(T,) whether F1, and whether MCC, has no interval, as ``without_interval`` decides."""
    members = np.stack([counts[rows[:, 0] == number].sum(axis=0) for number in range(classes)])
    few = members.min(axis=0) < FEWEST
    one_called = np.ones(counts.shape[1], bool)
    for column in rows.T[1:]:
        called = np.stack([counts[column == number].sum(axis=0) for number in range(classes)])
        one_called &= (called > 0).sum(axis=0) < 2
    return few, few | one_called


def drawn_again(generator: Generator, counts: np.ndarray, metric: Metric, truth: float) -> Each:
    """Whether 2.5% and 97.5% of draws with replacement hold the truth, for tests (M, T)."""
    size = int(counts[:, 0].sum())
    held = []
    for own in counts.T[:DRAWN]:
        drawn = metric(generator.multinomial(size, own / size, size=REPLICATES).T)
        low, high = np.quantile(drawn, [0.025, 0.975])
        held.append(bool(low <= truth <= high))
    return held


def of_cells(classes: int, name: str) -> Metric:
    return lambda counts: confusion_metrics(counts.reshape(classes, classes, -1))[name]


def classification(
    generator: Generator, trials: int, size: int, share: float, apart: float, noises: list[float]
) -> Held:
    trials *= SEVERAL
    labels, odds = two_classes(generator, 1, MANY, share, apart, noises)
    rows, counts = table_of([labels, *(each > 0 for each in odds)], 2)
    part = np.full(len(noises), 1 / len(noises))
    areas = [norm.cdf(apart / np.sqrt(2 * (1 + noise**2))) for noise in noises]
    whole = ClassTable.with_prior(rows, counts, [], 2)
    truth = {name: float(whole.scores(name, part)[0]) for name in ("accuracy", "f1", "mcc")}

    labels, odds = two_classes(generator, trials, size, share, apart, noises)
    rows, counts = table_of([labels, *(each > 0 for each in odds)], 2)
    table = ClassTable.with_prior(rows, counts, one_classifier(2, len(noises)), 2)
    few, no_mcc = refused(counts, rows, 2)
    found: Held = {}
    for name, without in (("accuracy", np.zeros(trials, bool)), ("f1", few), ("mcc", no_mcc)):
        ours = inside(table.intervals(name, part), truth[name], without)
        drawn = None
        if name == "mcc" and len(noises) == 1:
            drawn = drawn_again(generator, counts, of_cells(2, name), truth[name])
        found[name] = (ours, drawn)
    positive = labels.sum(axis=1)
    pairs = np.maximum(positive * (size - positive), 1)
    above = np.mean([(rankdata(each, axis=1) * labels).sum(axis=1) for each in odds], axis=0)
    area = (above - positive * (positive + 1) / 2) / pairs
    ends = auroc_intervals(area, np.maximum(positive, 1), np.maximum(size - positive, 1))
    few |= (np.abs(area - 0.5) > HIGHEST_AREA - 0.5) | (len(noises) > 1)
    return found | {"auroc": (inside(ends, float(np.mean(areas)), few), None)}


def difference(generator: Generator, trials: int, size: int, share: float) -> Held:
    """MCC of a classifier minus that of one whose measurement has half as much noise again."""
    trials *= SEVERAL
    part = np.array([1.0, -1.0])

    def tests(count: int, many: int) -> tuple[np.ndarray, np.ndarray]:
        labels, odds = two_classes(generator, count, many, share, 1.5, [0.0, 0.7])
        return table_of([labels, *(each > 0 for each in odds)], 2)

    def metric(counts: np.ndarray) -> np.ndarray:
        cells = counts.reshape(2, 2, 2, -1)
        one, other = (confusion_metrics(cells.sum(axis=axis))["mcc"] for axis in (2, 1))
        return np.asarray(one - other)

    truth = float(metric(tests(1, MANY)[1])[0])
    rows, counts = tests(trials, size)
    table = ClassTable.with_prior(rows, counts, two_classifiers(2), 2)
    without = refused(counts, rows, 2)[1]
    ours = inside(table.intervals("mcc", part), truth, without)
    return {"paired difference of MCC": (ours, drawn_again(generator, counts, metric, truth))}


def several_classes(generator: Generator, trials: int, size: int, shares: list[float]) -> Held:
    """Called right in three cases of four, else any other class."""
    trials *= SEVERAL
    classes = len(shares)
    wrong = 0.25 / (classes - 1)
    cells = np.full((classes, classes), wrong) + (0.75 - wrong) * np.eye(classes)
    cells *= np.array(shares)[:, None]
    rows = np.array(list(product(range(classes), repeat=2)))
    counts = generator.multinomial(size, cells.ravel() / cells.sum(), size=trials).T
    table = ClassTable.with_prior(rows, counts, one_classifier(classes), classes)
    few, no_mcc = refused(counts, rows, classes)
    found: Held = {}
    for name, without in (("accuracy", np.zeros(trials, bool)), ("f1", few), ("mcc", no_mcc)):
        truth = float(confusion_metrics(cells)[name])
        ours = inside(table.intervals(name, np.ones(1)), truth, without)
        found[name] = (ours, None)
    return found


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


def studies() -> Iterator[tuple[str, Callable[[Generator, int], Held]]]:
    """What is simulated, in words, and how."""
    for size, share, apart in (
        *((50, 0.5, 1.5), (50, 0.2, 1.5), (50, 0.1, 1.5), (100, 0.1, 1.5), (100, 0.1, 3.0)),
        *((200, 0.5, 1.5), (200, 0.1, 1.5), (200, 0.05, 1.5), (1000, 0.02, 1.5), (1000, 0.02, 3.0)),
    ):
        said = f"{size:,} sequences, {share:.0%} positive{', strong' if apart > 2 else ''}"
        yield said, partial(classification, size=size, share=share, apart=apart, noises=[0.0])
    said = "100 sequences, 20% positive, 3 seeds"
    yield said, partial(classification, size=100, share=0.2, apart=2.0, noises=[0.5] * 3)
    for size, share in ((50, 0.5), (100, 0.2), (200, 0.5), (200, 0.1), (1000, 0.05)):
        yield (
            f"{size:,} sequences, {share:.0%} positive",
            partial(difference, size=size, share=share),
        )
    for size, shares in ((100, [0.6, 0.3, 0.1]), (100, [0.2] * 5), (200, [0.1] * 10)):
        said = f"{size:,} sequences, {len(shares)} classes, rarest {min(shares):.0%}"
        yield said, partial(several_classes, size=size, shares=shares)
    for size, strength, kind in (
        *((size, strength, "") for size in (25, 50, 200) for strength in (0.0, 0.5, 0.9)),
        *((25, 0.5, "ties"), (50, 0.9, "ties"), (50, 0.5, "two values"), (200, 0.5, "two values")),
    ):
        said = f"{size} rows, r {strength}{', ' + kind if kind else ''}"
        yield said, partial(correlation, size=size, strength=strength, kind=kind)
    for groups, strength in ((25, 0.0), (25, 0.9), (50, 0.5), (50, 0.9)):
        said = f"{8 * groups} rows in {groups} groups, r {strength}"
        of_groups = partial(correlation, groups=groups, kind="")
        yield said, partial(of_groups, size=8 * groups, strength=strength)
    for size, shares, apart in (
        *((50, [0.5, 0.3, 0.2], 1.5), (100, [0.5, 0.3, 0.2], 1.5), (200, [0.3, 0.1, 0.05], 1.5)),
        *((500, [0.3, 0.1, 0.05], 3.0), (500, [0.1] * 8, 1.5)),
    ):
        said = f"{size} rows, {len(shares)} labels, rarest {min(shares):.0%}"
        yield said, partial(labels_of, size=size, shares=shares, apart=apart)
    for size, strength, tail in (
        *((25, 0.5, "normal"), (50, 0.1, "normal"), (50, 0.5, "normal"), (50, 0.9, "normal")),
        *((50, 0.5, "laplace"), (200, 0.5, "laplace"), (200, 0.9, "laplace")),
    ):
        said = f"{size} rows, r {strength}, {tail.capitalize()} errors"
        yield said, partial(numbers, size=size, strength=strength, tail=tail)
    for count, bases, rate in ((10, 20, 0.2), (15, 20, 0.2), (30, 20, 0.05), (100, 20, 0.2)):
        for spread in (0.01, 0.5):
            alike = "alike" if spread < 0.1 else "unlike"
            said = f"{count} blocks, {bases * rate:g} boundaries each, {alike}"
            yield said, partial(blocks, count=count, bases=bases, rate=rate, spread=spread)
    said = "200 places, 3 boundaries each, 97% stay"
    yield said, partial(blocks, count=200, bases=3, rate=0.97, spread=0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th study, from K")
    args = parser.parse_args()
    first, step = map(int, args.part.split("/"))
    lines: dict[str, list[str]] = {}
    for index, (said, make) in list(enumerate(studies()))[first - 1 :: step]:
        found = make(np.random.default_rng([args.seed, index]), args.trials)
        for name, (each, drawn) in found.items():
            ours = [holds for holds in each if holds is not None]
            again = f"{np.mean(drawn):.3f}" if drawn else ""
            share = f"{np.mean(ours):.3f}" if ours else ""
            star = "*" if ours and not 0.93 <= float(share) <= 0.97 else ""
            if len(ours) < 0.1 * len(each):  # too few to count, and those that chance picked
                share, star = "refused", ""
            line = f"| {len(ours) / len(each):.2f} | {share}{star} | {again} |"
            line = f"| {NAMES.get(name, name)} | {said} {line}"
            print(line, file=sys.stderr, flush=True)
            lines.setdefault(name, []).append(line)
    print("| interval of | test sets | given | holds the truth | drawn with replacement |")
    print("|---|---|---|---|---|")
    print("\n".join(line for of_name in lines.values() for line in of_name))


NAMES = {
    **{
        "mcc": "MCC",
        "f1": "F1",
        "auroc": "AUROC",
        "pearson": "Pearson",
        "r2": "R2",
        "rmse": "RMSE",
    },
    "f1_micro of several labels": "micro F1 of several labels",
    "f1_macro of several labels": "macro F1 of several labels",
    "mcc of several labels": "MCC of several labels",
}

if __name__ == "__main__":
    main()
