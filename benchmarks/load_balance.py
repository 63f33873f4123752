"""How even ranks are loaded, by how units are dealt; costs measured, ranks simulated.

    OMP_NUM_THREADS=1 python benchmarks/load_balance.py                       # simulation alone
    OMP_NUM_THREADS=1 python benchmarks/load_balance.py --measure RUN GENOME  # the costs, again

A unit's true cost is its tokens times the measured seconds per token at its records' lengths, times
the measured spread between stretches of one length: a model that cuts one stretch into more chunks
than another takes longer for it, and nobody knows that before. Ranks see only the expected cost
(hnet_seq/tasks/costs.py). What is reported is the load of the last rank to end over the
mean: 1 is perfect, and what is above is time that the other ranks have nothing to do. The last two
columns have one rank at half the speed of the others.
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.jobs.job import in_parts
from hnet_seq.jobs.units import Unit, deal, units_of
from hnet_seq.tasks.costs import sequence_cost
from hnet_seq.tasks.embedding.plan import PART_TOKENS
from hnet_seq.tasks.embedding.vectors import BATCH_TOKENS, embed
from pipelines.formats.genome import Genome

#: Measured by --measure: bases of a record, and microseconds a base (CPU, one thread).
LENGTHS = (100, 300, 1_000, 10_000, 100_000)
MICROSECONDS = (63.7, 64.4, 59.5, 57.8, 85.6)
#: Standard deviation over mean of the time of stretches of BATCH_TOKENS bases.
SPREAD = 0.09

# GRCh38, chromosomes 1 to 22, X, Y, in megabases (Genome Reference Consortium).
_HUMAN = (
    *(248.96, 242.19, 198.30, 190.21, 181.54, 170.81, 159.35, 145.14, 138.39, 133.80, 135.09),
    *(133.28, 114.36, 107.04, 101.99, 90.34, 83.26, 80.37, 58.62, 64.44, 46.71, 50.82),
    *(156.04, 57.23),
)


@dataclass(frozen=True)
class Corpus:
    """Records by length, in the order of their file."""

    name: str
    lengths: NDArray[np.int64]


def corpora() -> list[Corpus]:
    """Skewed in three ways."""
    generator = np.random.default_rng(0)
    # Contigs of a metagenome: many short ones, half of the bases in few long ones.
    contigs = np.minimum(1_000 * (1 + generator.pareto(1.1, 200_000)), 8e6).astype(np.int64)
    sorted_contigs = -np.sort(-contigs)  # assemblers write the longest first
    windows = np.full(300_000, 1_000)
    chromosomes = (np.array(_HUMAN) * 1e6).astype(np.int64)
    return [
        Corpus("metagenome, longest first", sorted_contigs),
        Corpus("metagenome, in any order", contigs),
        Corpus("human chromosomes", chromosomes),
        Corpus("windows of 1 kb after 24 chromosomes", np.concatenate([chromosomes, windows])),
    ]


def seconds(length: int) -> float:
    """Of a record of that length, expected; log-linear between what was measured."""
    return length * 1e-6 * float(np.interp(np.log(length), np.log(LENGTHS), MICROSECONDS))


def units_for(corpus: Corpus, cost: Callable[[int], float]) -> list[Unit]:
    """As ``embed`` cuts the input."""
    parts: Iterator[list[int]] = in_parts(corpus.lengths.tolist(), PART_TOKENS, int)
    return units_of(parts, int, cost)


def true_costs(corpus: Corpus, units: list[Unit]) -> NDArray[np.float64]:
    """Seconds of each unit."""
    generator = np.random.default_rng(1)
    expected = [seconds(int(length)) for length in corpus.lengths]
    ends = np.cumsum([unit.items for unit in units])
    means = np.array([sum(own) for own in np.split(np.array(expected), ends[:-1])])
    # Stretches of a unit vary alike only in part; independent ones are taken.
    stretches = np.array([max(1, unit.tokens // BATCH_TOKENS) for unit in units])
    return means * (1 + SPREAD / np.sqrt(stretches) * generator.standard_normal(len(units)))


def load(owners: list[int], costs: NDArray[np.float64], world: int, slow: float = 1.0) -> float:
    """The last rank's end over what it would be if all were as loaded, for their speed.

    Args:
        slow: how many times as long rank 0 takes.
    """
    loads = np.bincount(owners, weights=costs, minlength=world)
    loads[0] *= slow
    return float(loads.max() * (world - 1 + 1 / slow) / costs.sum())


def helping(owners: list[int], costs: NDArray[np.float64], world: int, slow: float = 1.0) -> float:
    """The same where a rank that has no more of its own takes what others have not begun."""
    own: list[list[int]] = [[] for _ in range(world)]
    for index, rank in enumerate(owners):
        own[rank].append(index)
    begun = [False] * len(owners)
    queue = [(0.0, rank) for rank in range(world)]
    last = 0.0
    while queue:
        clock, rank = heapq.heappop(queue)
        last = max(last, clock)
        unit: int | None = next((u for u in own[rank] if not begun[u]), None)
        if unit is None:
            unit = next((u for u, taken in enumerate(begun) if not taken), None)
        if unit is not None:
            begun[unit] = True
            spent = float(costs[unit]) * (1.0 if rank else slow)
            heapq.heappush(queue, (clock + spent, rank))
    return last * (world - 1 + 1 / slow) / float(costs.sum())


def simulate() -> None:
    """Print a line for each corpus and number of ranks."""
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m4", ["m6"], "m4"],
            "d_model": [128, 128],
            "d_intermediate": [0, 0],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 64, "chunk_size": 64},
            "attn_cfg": {"num_heads": [], "rotary_emb_dim": [], "window_size": []},
        }
    )
    cost = sequence_cost(config)
    print(
        "| records | units | ranks | in turn | in turn, by blocks | longest first, by bases | "
        "by expected cost | and helping | least possible | a slow rank | and helping |\n"
        f"|{'---|' * 11}"
    )
    for corpus in corpora():
        units = units_for(corpus, cost)
        costs = true_costs(corpus, units)
        for world in (8, 64):
            by_cost = deal([unit.cost for unit in units], world)
            found = [
                load([index % world for index in range(len(units))], costs, world),
                load([index * world // len(units) for index in range(len(units))], costs, world),
                load(deal([float(unit.tokens) for unit in units], world), costs, world),
                load(by_cost, costs, world),
                helping(by_cost, costs, world),
                max(1.0, float(costs.max() * world / costs.sum())),
                load(by_cost, costs, world, slow=2.0),
                helping(by_cost, costs, world, slow=2.0),
            ]
            shown = " | ".join(f"{value:.3f}" for value in found)
            print(f"| {corpus.name} | {len(units):,} | {world} | {shown} |", flush=True)


def measure(checkpoint: str, path: str) -> None:
    """Print what the constants of this file should be."""
    model = HNetForCausalLM.from_pretrained(checkpoint, "cpu")
    genome = Genome(path)
    name = max(genome.lengths, key=lambda name: genome.lengths[name])
    tokens = genome.fetch(name, 0, genome.lengths[name])
    total = 1 << 17
    spent: dict[int, list[float]] = {length: [] for length in LENGTHS}
    for _ in range(3):  # in turns: another process's work on the machine disturbs all alike
        for length in LENGTHS:
            count = max(1, min(total, len(tokens)) // length)
            sequences = [tokens[i * length : (i + 1) * length] for i in range(count)]
            began = time.process_time()
            embed(model, sequences)
            spent[length].append((time.process_time() - began) / (count * length))
    for length, found in spent.items():
        print(f"{length:>8,} bases: {min(found) * 1e6:.1f} us a base")
    clocks = []
    for place in range(20):
        start = place * (len(tokens) // 21)
        stretch = tokens[start : start + BATCH_TOKENS]
        began = time.process_time()
        embed(model, [stretch])
        clocks.append(time.process_time() - began)
    print(f"stretches of {BATCH_TOKENS:,} bases: time varies by {spread(clocks):.3f}")


def spread(values: list[float]) -> float:
    """Standard deviation over the mean."""
    return float(np.std(values, ddof=1) / np.mean(values))


def main() -> None:
    """Simulate, or measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2, metavar=("RUN", "GENOME"))
    args = parser.parse_args()
    if args.measure:
        measure(*args.measure)
    else:
        simulate()


if __name__ == "__main__":
    main()
