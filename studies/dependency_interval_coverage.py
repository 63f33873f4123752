"""How often the interval of `hnet-seq explain` holds the ratio of two maps: maps of noise.

    python studies/dependency_interval_coverage.py --trials 400 --seed 0

A base's dependencies go together: as read ones (columns), as substituted ones (rows), and with
those of the bases beside it. So each map is noise by pair, times noise by column and by row, which
neighbours may have in common, and falls with the distance; the truth is the factor between the two
kinds of maps. Shown beside it is how often leaving out substituted bases alone would hold it.
"""

from __future__ import annotations

import argparse

import numpy as np

from hnet_seq.analysis.dependency_controls import BLOCK, above
from hnet_seq.resampling import jackknife, quotient

LEAST = 8
CASES = (  # bases, controls, factor, columns, rows, neighbours that share their noise
    (200, 2, 1.0, 0.5, 0.3, 1),
    (200, 1, 6.0, 0.5, 0.3, 1),
    (200, 1, 12.0, 0.8, 0.0, 1),
    (200, 2, 1.0, 0.5, 0.3, 3),
    (100, 2, 1.0, 0.5, 0.3, 1),
    (100, 1, 6.0, 0.8, 0.3, 3),
)

Floats = np.ndarray


def drawn(generator: np.random.Generator, case: tuple[float, ...], factor: float) -> Floats:
    """A map (L, L)."""
    length, _, _, columns, rows, together = case
    length, together = int(length), int(together)
    place = (np.arange(length) + generator.integers(together)) // together
    column, row = generator.normal(size=(2, length // together + 2))[:, place]
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    noise = columns * column + rows * row[:, None] + 0.5 * generator.normal(size=distance.shape)
    found: Floats = factor * np.exp(noise) / np.sqrt(np.maximum(distance, 1))
    np.fill_diagonal(found, np.nan)
    return found


def of_rows(own: Floats, controls: list[Floats]) -> tuple[float, float]:
    """The interval that leaves substituted bases out alone."""
    apart = np.abs(np.subtract.outer(np.arange(len(own)), np.arange(len(own)))) >= LEAST
    sums = [np.where(apart, each, 0).sum(1) for each in (own, *controls)]
    table = np.add.reduceat(np.stack(sums, 1), np.arange(0, len(own), BLOCK))
    low, high = jackknife(
        table, lambda s: quotient(s[:, 0], s[:, 1:].mean(1))[:, None], scale="ratio"
    )
    return float(low[0]), float(high[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    print("| bases, controls, factor, columns, rows, neighbours | holds | of rows alone |")
    for case in CASES:
        _, controls, factor, *_ = case
        held = []
        for _ in range(args.trials):
            own = drawn(generator, case, factor)
            others = [drawn(generator, case, 1.0) for _ in range(controls)]
            found = above("", own, others, LEAST)
            assert found is not None
            assert found.ratio_low is not None
            assert found.ratio_high is not None
            low, high = of_rows(own, others)
            held.append((found.ratio_low <= factor <= found.ratio_high, low <= factor <= high))
        ours, rows = np.mean(held, 0)
        print(f"| {', '.join(f'{x:g}' for x in case)} | {ours:.3f} | {rows:.3f} |", flush=True)


if __name__ == "__main__":
    main()
