"""How often 95% intervals hold what they are about: simulations with a known answer.

Prints the table of docs/evidence.md: a row for each interval, size and class share, with the share
of simulated test sets that have an interval, how often it holds the truth, and how often that of
draws with replacement would (the percentile bootstrap), of all sets.

    python studies/interval_coverage.py --trials 1000 --seed 0
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy.stats import norm

from hnet_seq.analysis.resampling import jackknife
from hnet_seq.analysis.statistics import block_intervals
from hnet_seq.baselines.bootstrap import bootstrap_intervals, paired_difference
from hnet_seq.baselines.metrics import confusion, confusion_metrics, matthews_correlation
from hnet_seq.baselines.spearman import spearman

APART = 1.5  # standard deviations between the means of the two classes
REPLICATES = 300

Ends = tuple[float, float] | list[float] | None
Found = dict[str, tuple[Ends, Ends]]
"""Of one simulated set, by what it is about: our interval, and that of the percentile bootstrap."""

Study = tuple[dict[str, float], Callable[[], Found]]
"""The truths, and what simulates a set."""


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
    return labels, found[0], found[1]


def percentiles(values: np.ndarray) -> Ends:
    """2.5% and 97.5%."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def drawn_again(
    generator: np.random.Generator, predicted: list[np.ndarray], labels: np.ndarray
) -> list[dict[str, np.ndarray]]:
    """The metrics (R,) of one or two columns of predictions under draws of sequences."""
    code = labels.copy()
    for column in predicted:
        code = code * 2 + column
    shape = (2,) * (1 + len(predicted))
    cells = np.bincount(code, minlength=2 ** len(shape)) / len(labels)
    drawn = generator.multinomial(len(labels), cells, size=REPLICATES).T.reshape(*shape, -1)
    if len(predicted) == 1:
        return [confusion_metrics(drawn)]
    return [confusion_metrics(drawn.sum(axis=axis)) for axis in (2, 1)]


def classification(generator: np.random.Generator, size: int, share: float) -> Study:
    labels, probabilities, _ = two_classes(generator, 400_000, share)
    counts = confusion(probabilities.argmax(1), labels, 2)
    true = {name: float(value) for name, value in confusion_metrics(counts).items()}

    def trial() -> Found:
        labels, probabilities, _ = two_classes(generator, size, share)
        seed = int(generator.integers(1 << 31))
        ours = bootstrap_intervals([probabilities], labels, replicates=REPLICATES, seed=seed)
        [draws] = drawn_again(generator, [probabilities.argmax(1)], labels)
        found: Found = {name: (ours[name], percentiles(draws[name])) for name in draws}
        return found | {"auroc": (ours["auroc"], None)}

    return true | {"auroc": float(norm.cdf(APART / np.sqrt(2)))}, trial


def difference(generator: np.random.Generator, size: int, share: float) -> Study:
    """MCC of a classifier minus that of one whose measurement has half as much noise again."""
    name = "paired difference of MCC"
    labels, one, other = two_classes(generator, 400_000, share, mixed=0.7)
    mcc = [matthews_correlation(each.argmax(1), labels, 2) for each in (one, other)]

    def trial() -> Found:
        labels, one, other = two_classes(generator, size, share, mixed=0.7)
        seed = int(generator.integers(1 << 31))
        ours = paired_difference([one], [other], labels, replicates=REPLICATES, seed=seed)
        draws = drawn_again(generator, [one.argmax(1), other.argmax(1)], labels)
        return {name: (ours["interval"], percentiles(draws[0]["mcc"] - draws[1]["mcc"]))}

    return {name: mcc[0] - mcc[1]}, trial


def several_classes(generator: np.random.Generator, size: int, shares: list[float]) -> Study:
    """Called right in three cases of four, else any other class."""
    classes = len(shares)
    wrong = 0.25 / (classes - 1)
    cells = np.full((classes, classes), wrong) + (0.75 - wrong) * np.eye(classes)
    cells *= np.array(shares)[:, None]
    true = {name: float(value) for name, value in confusion_metrics(cells).items()}

    def trial() -> Found:
        code = generator.choice(classes**2, size=size, p=cells.ravel() / cells.sum())
        labels, predicted = np.divmod(code, classes)
        seed = int(generator.integers(1 << 31))
        given = [np.eye(classes)[predicted]]
        ours = bootstrap_intervals(given, labels, replicates=REPLICATES, seed=seed)
        counts = confusion(predicted, labels, classes).ravel() / size
        drawn = generator.multinomial(size, counts, size=REPLICATES).T
        draws = confusion_metrics(drawn.reshape(classes, classes, -1))
        return {name: (ours[name], percentiles(draws[name])) for name in draws}

    return true, trial


def correlation(generator: np.random.Generator, size: int, strength: float) -> Study:
    """Of a normal pair with correlation r, Spearman's is 6 / pi * arcsin(r / 2)."""

    def trial() -> Found:
        one = generator.normal(size=size)
        two = strength * one + np.sqrt(1 - strength**2) * generator.normal(size=size)
        found = spearman(one, two)
        rows = generator.integers(size, size=(100, size))
        again = [spearman(one[r], two[r], resamples=0)["rho"] for r in rows]
        known = np.array([value for value in again if value is not None])
        low, high = found["low"], found["high"]
        ours = None if low is None or high is None else (low, high)
        return {"Spearman": (ours, percentiles(known))}

    return {"Spearman": 6 / np.pi * np.arcsin(strength / 2)}, trial


def blocks(generator: np.random.Generator, count: int, spread: float) -> Study:
    """Boundaries at 5 bases around each site; blocks differ in their rate, by ``spread``.

    The ratio is that of the rate to one at other places of the same blocks, which follows it.
    """

    def rates(shape: int) -> np.ndarray:
        return np.minimum(0.2 * generator.gamma(1 / spread, spread, shape), 0.95)

    def over(sums: np.ndarray) -> np.ndarray:
        return (sums[:, [0]] / sums[:, [1]]) / (sums[:, [2]] / sums[:, [3]])

    def trial() -> Found:
        bases = 5 * (1 + generator.poisson(3, count))
        others, rate = 100 * bases, rates(count)
        columns = [generator.binomial(bases, rate), bases]
        columns += [generator.binomial(others, rate), others]
        table = np.stack(columns, axis=1)
        low, high = block_intervals(table[:, [1]], table[:, [0]])
        ends = [end[0] for end in jackknife(table, over, scale="ratio")]
        drawn = generator.multinomial(count, np.full(count, 1 / count), size=REPLICATES) @ table
        return {
            "rate at sites": (given(low[0], high[0]), percentiles(drawn[:, 0] / drawn[:, 1])),
            "enrichment ratio": (given(*ends), percentiles(over(drawn))),
        }

    return {"rate at sites": float(rates(400_000).mean()), "enrichment ratio": 1.0}, trial


def given(low: float, high: float) -> Ends:
    return None if np.isnan(low) else (low, high)


def studies() -> Iterator[tuple[str, Callable[[np.random.Generator], Study]]]:
    """What is simulated, in words, and how."""
    for size, share in (
        *((50, 0.5), (50, 0.1), (100, 0.05)),
        *((200, 0.5), (200, 0.1), (200, 0.05), (1000, 0.02)),
    ):
        said = f"{size:,} sequences, {share:.0%} positive"
        yield said, partial(classification, size=size, share=share)
    for size, share in ((50, 0.5), (200, 0.5), (200, 0.1), (1000, 0.02)):
        said = f"{size:,} sequences, {share:.0%} positive"
        yield said, partial(difference, size=size, share=share)
    for size, shares in ((100, [0.6, 0.3, 0.1]), (100, [0.2] * 5), (200, [0.1] * 10)):
        said = f"{size:,} sequences, {len(shares)} classes, rarest {min(shares):.0%}"
        yield said, partial(several_classes, size=size, shares=shares)
    for size in (15, 20, 50):
        for strength in (0.0, 0.5, 0.9):
            yield f"{size} rows, r {strength}", partial(correlation, size=size, strength=strength)
    for count in (10, 15, 30, 100):
        for spread in (0.01, 0.5):
            said = f"{count} blocks, {'alike' if spread < 0.1 else 'unlike'}"
            yield said, partial(blocks, count=count, spread=spread)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th study, from K")
    args = parser.parse_args()
    print("| interval of | test sets | given | holds the truth | drawn with replacement |")
    print("|---|---|---|---|---|", flush=True)
    first, step = map(int, args.part.split("/"))
    for index, (said, make) in list(enumerate(studies()))[first - 1 :: step]:
        true, trial = make(np.random.default_rng([args.seed, index]))
        found = [trial() for _ in range(args.trials)]
        for name, truth in true.items():
            pairs = zip(*(each[name] for each in found), strict=True)
            held = [[e[0] <= truth <= e[1] for e in ends if e is not None] for ends in pairs]
            shares = [f"{np.mean(each):.3f}" if each else "" for each in held]
            given_to = len(held[0]) / args.trials
            label = name.upper() if name in ("mcc", "f1", "auroc") else name
            print(f"| {label} | {said} | {given_to:.2f} | {shares[0]} | {shares[1]} |", flush=True)


if __name__ == "__main__":
    main()
