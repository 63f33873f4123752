"""How far below 0 the MCC of a probe without signal falls, on whole groups or single sequences.

Vectors know the group (a chromosome, a gene) at most and nothing of the label; labels are shared
out a little differently in each group, and whole groups are tested.

    python studies/below_chance.py --trials 200
"""

from __future__ import annotations

import argparse

import numpy as np

from hnet_seq.evidence.measures.metrics import matthews_correlation
from hnet_seq.evidence.probes.ridge import fit_ridge
from hnet_seq.train.grouped_draw import draw_groups


def mcc_without_signal(
    generator: np.random.Generator, groups: int, size: int, apart: float, width: int
) -> tuple[float, int]:
    """MCC on a fifth of the sequences in whole groups, and how many these are.

    The probe is a ridge regression on the class, 1 or -1, whose sign is the prediction: as good
    here as a logistic regression, and faster.
    """
    group = generator.integers(groups, size=size)
    share = 1 / (1 + np.exp(-apart * generator.normal(size=groups)))
    labels = (generator.random(size) < share[group]).astype(int)
    vectors = generator.normal(size=(size, width))
    vectors += apart * generator.normal(size=(groups, width))[group]
    test = draw_groups(group, labels, 0.2, int(generator.integers(1 << 31)))
    probe = fit_ridge(vectors[~test], 2.0 * labels[~test] - 1, group[~test])
    predicted = (probe.predict(vectors[test]) > 0).astype(int)
    return matthews_correlation(predicted, labels[test], 2), int(test.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    print("| groups | between groups | mean MCC | sd | sd of single sequences | below -0.149 |")
    print("|---|---|---|---|---|---|", flush=True)
    for groups, apart in ((1345, 0.0), (24, 0.3), (24, 0.6)):
        found = [mcc_without_signal(generator, groups, 1345, apart, 32) for _ in range(args.trials)]
        scores = np.array([score for score, _ in found])
        alone = np.mean([1 / np.sqrt(tested) for _, tested in found])
        print(
            f"| {groups:,} | {apart} | {scores.mean():+.3f} | {scores.std():.3f} | {alone:.3f} | "
            f"{(scores < -0.149).mean():.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
