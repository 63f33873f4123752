"""How often 95% intervals hold what they are about: simulations with a known answer.

Prints the table of docs/evidence.md: a row for each interval, size and class share, with the share
of simulated test sets that have an interval, how often it holds the truth, and how often that of
draws with replacement would (the percentile bootstrap), of all sets.

    python studies/interval_coverage.py --trials 1000 --seed 0
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from hnet_seq.analysis.statistics import block_intervals
from hnet_seq.baselines.bootstrap import bootstrap_intervals, paired_difference
from hnet_seq.baselines.metrics import classification_metrics, confusion, confusion_metrics
from hnet_seq.baselines.spearman import spearman

APART = 1.5  # standard deviations between the means of the two classes
REPLICATES = 300

Ends = tuple[float, float] | list[float] | None
Trial = Callable[[], tuple[Ends, Ends]]
"""One simulated set: our interval, and that of the percentile bootstrap."""


def two_classes(
    generator: np.random.Generator, size: int, share: float, mixed: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and the probabilities of a classifier and of one that sees a noisier measurement."""
    labels = (generator.random(size) < share).astype(int)
    x = generator.normal(size=size) + APART * labels
    noise = generator.normal(size=size)
    found = []
    for spread in (0.0, mixed):
        apart = APART / np.sqrt(1 + spread**2)
        seen = (x + spread * noise) / np.sqrt(1 + spread**2)
        positive = 1 / (1 + np.exp(-(np.log(share / (1 - share)) + apart * seen - apart**2 / 2)))
        found.append(np.stack([1 - positive, positive], axis=1))
    return labels, *found


def percentiles(values: np.ndarray) -> Ends:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def drawn_again(
    generator: np.random.Generator, predicted: list[np.ndarray], labels: np.ndarray, name: str
) -> np.ndarray:
    """The metric of each column of predictions under draws of sequences, (columns, R)."""
    code = labels.copy()
    for column in predicted:
        code = code * 2 + column
    cells = np.bincount(code, minlength=2 ** (1 + len(predicted)))
    drawn = generator.multinomial(len(labels), cells / len(labels), size=REPLICATES).T
    drawn = drawn.reshape(*(2,) * (1 + len(predicted)), -1)
    other = [
        tuple(k for k in range(1, 1 + len(predicted)) if k != 1 + i) for i in range(len(predicted))
    ]
    return np.stack([confusion_metrics(drawn.sum(axis=axes))[name] for axes in other])


def classification(
    generator: np.random.Generator, name: str, size: int, share: float
) -> tuple[float, Trial]:
    labels, probabilities, _ = two_classes(generator, 400_000, share)
    true = classification_metrics(probabilities, labels)[name]  # type: ignore[literal-required]

    def trial() -> tuple[Ends, Ends]:
        labels, probabilities, _ = two_classes(generator, size, share)
        seed = int(generator.integers(1 << 31))
        ours = bootstrap_intervals([probabilities], labels, replicates=REPLICATES, seed=seed)[name]
        if name == "auroc":
            return ours, None
        draws = drawn_again(generator, [probabilities.argmax(1)], labels, name)
        return ours, percentiles(draws[0])

    return true, trial


def difference(generator: np.random.Generator, size: int, share: float) -> tuple[float, Trial]:
    """MCC of a classifier minus that of one whose measurement has half as much noise again."""
    labels, one, other = two_classes(generator, 400_000, share, mixed=0.7)
    mcc = [classification_metrics(each, labels)["mcc"] for each in (one, other)]

    def trial() -> tuple[Ends, Ends]:
        labels, one, other = two_classes(generator, size, share, mixed=0.7)
        seed = int(generator.integers(1 << 31))
        ours = paired_difference([one], [other], labels, replicates=REPLICATES, seed=seed)
        draws = drawn_again(generator, [one.argmax(1), other.argmax(1)], labels, "mcc")
        return ours["interval"], percentiles(draws[0] - draws[1])

    return mcc[0] - mcc[1], trial


def several_classes(
    generator: np.random.Generator, name: str, size: int, shares: list[float]
) -> tuple[float, Trial]:
    """Called right in three cases of four, else any other class."""
    classes = len(shares)
    cells = np.full((classes, classes), 0.25 / (classes - 1)) + (
        0.75 - 0.25 / (classes - 1)
    ) * np.eye(classes)
    cells *= np.array(shares)[:, None]
    true = float(confusion_metrics(cells)[name])

    def trial() -> tuple[Ends, Ends]:
        code = generator.choice(classes**2, size=size, p=cells.ravel() / cells.sum())
        labels, predicted = np.divmod(code, classes)
        seed = int(generator.integers(1 << 31))
        ours = bootstrap_intervals(
            [np.eye(classes)[predicted]], labels, replicates=REPLICATES, seed=seed
        )[name]
        counts = confusion(predicted, labels, classes).ravel() / size
        drawn = generator.multinomial(size, counts, size=REPLICATES).T
        return ours, percentiles(confusion_metrics(drawn.reshape(classes, classes, -1))[name])

    return true, trial


def correlation(generator: np.random.Generator, size: int, strength: float) -> tuple[float, Trial]:
    """Of a normal pair with correlation r, Spearman's is 6 / pi * arcsin(r / 2)."""

    def trial() -> tuple[Ends, Ends]:
        one = generator.normal(size=size)
        two = strength * one + np.sqrt(1 - strength**2) * generator.normal(size=size)
        found = spearman(one, two)
        rows = generator.integers(size, size=(100, size))
        again = [spearman(one[r], two[r], resamples=0)["rho"] for r in rows]
        known = np.array([value for value in again if value is not None])
        ours = None if found["low"] is None else (found["low"], found["high"])
        return ours, percentiles(known)

    return 6 / np.pi * np.arcsin(strength / 2), trial


def blocks(
    generator: np.random.Generator, count: int, sites: float, spread: float
) -> tuple[float, Trial]:
    """Boundaries at 5 bases around each site; blocks differ in their rate, by ``spread``."""

    def rates(shape: int) -> np.ndarray:
        return np.minimum(0.2 * generator.gamma(1 / spread, spread, shape), 0.95)

    true = float(rates(400_000).mean())

    def trial() -> tuple[Ends, Ends]:
        bases = 5 * (1 + generator.poisson(sites - 1, count))
        boundaries = generator.binomial(bases, rates(count))
        low, high = block_intervals(bases[:, None], boundaries[:, None])
        weights = generator.multinomial(count, np.full(count, 1 / count), size=REPLICATES)
        ours = None if np.isnan(low[0]) else (low[0], high[0])
        return ours, percentiles((weights @ boundaries) / (weights @ bases))

    return true, trial


def studies(generator: np.random.Generator) -> Iterator[tuple[str, str, float, Trial]]:
    """(interval, circumstances, truth, trial)."""
    sizes = ((50, 0.5), (50, 0.1), (100, 0.05), (200, 0.5), (200, 0.1), (200, 0.05), (1000, 0.02))
    for name in ("mcc", "f1", "accuracy", "auroc"):
        for size, share in sizes:
            said = f"{size:,} sequences, {share:.0%} positive"
            yield (
                name.upper() if name != "accuracy" else name,
                said,
                *classification(generator, name, size, share),
            )
    for size, share in ((50, 0.5), (200, 0.5), (200, 0.1), (1000, 0.02)):
        said = f"{size:,} sequences, {share:.0%} positive"
        yield "paired difference of MCC", said, *difference(generator, size, share)
    for name in ("mcc", "f1"):
        for size, shares in ((100, [0.6, 0.3, 0.1]), (100, [0.2] * 5), (200, [0.1] * 10)):
            said = f"{size:,} sequences, {len(shares)} classes, rarest {min(shares):.0%}"
            yield name.upper(), said, *several_classes(generator, name, size, shares)
    for size in (12, 20, 50):
        for strength in (0.0, 0.5, 0.9):
            yield "Spearman", f"{size} rows, r {strength}", *correlation(generator, size, strength)
    for count in (10, 15, 30, 100):
        for spread in (0.01, 0.5):
            said = f"{count} blocks, {'alike' if spread < 0.1 else 'unlike'}"
            yield "rate at sites", said, *blocks(generator, count, 4, spread)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    print("| interval of | test sets | given | holds the truth | drawn with replacement |")
    print("|---|---|---|---|---|", flush=True)
    for name, said, true, trial in studies(generator):
        both = [trial() for _ in range(args.trials)]
        held = [
            [e[0] <= true <= e[1] for e in ends if e is not None]
            for ends in zip(*both, strict=True)
        ]
        shares = [f"{np.mean(each):.3f}" if each else "" for each in held]
        given = len(held[0]) / args.trials
        print(f"| {name} | {said} | {given:.2f} | {shares[0]} | {shares[1]} |", flush=True)


if __name__ == "__main__":
    main()
