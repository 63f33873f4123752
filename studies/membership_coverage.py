"""How often ``memorisation`` is wrong on real windows that nobody was trained on.

    python studies/membership_coverage.py celegans.fna.gz ecoli.fna.gz --draws 300

Of each genome the first 45% are called trained and the last tenth held out, as ``last:0.1`` does,
but readers are counted on the 44% between alone: all that is found is wrong. Each draw takes
``--windows`` windows of 512 bases of either side. Printed are in how many draws the interval of
``membership`` holds 0.5, and the verdicts beside a twin that is counted on random bases.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel, order_for
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader
from hnet_seq.evidence.zero_shot.figures import area_of_two_groups, areas_apart
from hnet_seq.evidence.zero_shot.memorisation import (
    NEIGHBOURS,
    TOLD_APART,
    WORDS,
    beyond_difficulty,
    bits_and_lost,
    counting,
    neighbour,
    told_by_difficulty,
    verdict,
)
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.tasks.zero_shot.sources import draw_windows
from modalities.base import Tokens
from pipelines.formats.genome import Genome

BASES = 512


def stretches(path: Path) -> list[list[Tokens]]:
    """Documents called trained, those that readers are counted on, and those called held out."""
    genome = Genome(path)
    whole = [genome.fetch(name, 0, length) for name, length in genome.lengths.items()]
    bases = np.concatenate(whole)
    cuts = [int(share * len(bases)) for share in (0.45, 0.46, 0.89, 0.9)]
    return [[bases[: cuts[0]]], [bases[cuts[1] : cuts[2]]], [bases[cuts[3] :]]]


def columns(reader: Reader, pool: list[Tokens], changed: list[Tokens]) -> NDArray[np.float64]:
    """(2, N): bits and what is lost."""
    return np.stack(bits_and_lost(reader, pool, changed))


def main() -> None:
    """Print a table a genome."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("genomes", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--windows", type=int, default=50)
    parser.add_argument("--pool", type=int, default=400, help="windows of a side that are drawn of")
    args = parser.parse_args()
    for path in args.genomes:
        trained, between, held_out = stretches(path)
        sides = [
            draw_windows(own, BASES, args.pool, seed=0, where=path.name)
            for own in (trained, held_out)
        ]
        pool = [*sides[0], *sides[1]]
        generator = np.random.default_rng(0)
        changed = [neighbour(own, generator) for _ in range(NEIGHBOURS) for own in pool]
        nothing = MarkovModel([generator.integers(0, 4, 5000).astype(np.uint8)], 2)
        order = order_for(len(between[0]))
        readers: dict[str, Reader] = {
            "Markov order 2": MarkovReader(MarkovModel(between, 2)),
            f"Markov order {order}": MarkovReader(MarkovModel(between, order)),
            "copy of 10": CopyReader(10),
        }
        said = {name: columns(own, pool, changed)[1] for name, own in readers.items()}
        of_twin = columns(MarkovReader(nothing), pool, changed)[1]
        copied = np.concatenate([columns(CopyReader(word), pool, changed) for word in WORDS])
        held: Counter[str] = Counter()
        verdicts = {name: Counter[str]() for name in readers}
        told = []
        for draw in range(args.draws):
            chosen = np.random.default_rng(1 + draw)
            one = chosen.permutation(len(sides[0]))[: args.windows]
            other = len(sides[0]) + chosen.permutation(len(sides[1]))[: args.windows]
            at = np.concatenate([one, other])
            windows = [pool[index] for index in at]
            of = [changed[index + k * len(pool)] for k in range(NEIGHBOURS) for index in at]
            counted = [row for own in counting(windows) for row in columns(own, windows, of)]
            difficulty = np.stack([np.ones(len(at)), *counted, *copied[:, at]], 1)
            apart = told_by_difficulty(difficulty, len(one))
            told.append(apart)
            twin = beyond_difficulty(of_twin[at], difficulty)
            for name, lost in said.items():
                more = beyond_difficulty(lost[at], difficulty)
                found = area_of_two_groups(more[: len(one)], more[len(one) :])
                low, high = found["low"], found["high"]
                held[name] += low is not None and high is not None and low <= 0.5 <= high
                figures = {"membership": found, "beyond_twin": areas_apart(more, twin, len(one))}
                verdicts[name][verdict(figures, {}, apart < TOLD_APART)] += 1
        print(f"\n{path}: {args.draws} draws, told by difficulty {np.median(told):.2f}")
        for name in readers:
            print(f"{name:16} holds 0.5 in {held[name] / args.draws:.3f} {dict(verdicts[name])}")


if __name__ == "__main__":
    main()
