"""What dealing the micro-batches of a training step by their chunks would save; by simulation.

    python benchmarks/train_balance.py                       # simulation alone
    python benchmarks/train_balance.py --measure RUN GENOME  # the constants, again

Training deals micro-batches to processes in turns. They have as many bases, so their work differs
by the chunks that the model makes of them, which nobody knows before the step. What is printed is
the work of the slowest process over the mean, and the share of the step that is saved where
micro-batches are dealt by the work that is expected of them (the largest first, each to the process
with least, as many to each): with chunks known beforehand, the most that any estimate could save,
and with an estimate from the pairs of neighbouring bases of each window.
"""

from __future__ import annotations

import argparse
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scale_step import CONTEXT, SIZES, inner_share

from hnet_seq import HNetForCausalLM
from modalities import dna
from pipelines.formats.genome import Genome

#: Measured by --measure on human X, 4 Mb, with a model of 1,400 steps on five genomes: chunks of a
#: window over the mean, by the share of windows that have fewer.
SHARES = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 1)
CHUNKS = (0.857, 0.891, 0.942, 0.954, 0.972, 0.993, 1.019, 1.054, 1.077, 1.119, 1.142, 1.324)
#: The share of their variance that the estimate explains, in windows that it was not fitted to.
EXPLAINED = 0.42
STEPS = 200

Array: TypeAlias = NDArray[np.float64]


def chunks_of(count: int, generator: np.random.Generator) -> Array:
    """Of so many windows, over their mean."""
    return np.interp(generator.random(count), SHARES, CHUNKS)


def estimated(chunks: Array, generator: np.random.Generator) -> Array:
    """What an estimate would say that explains as much."""
    error = np.sqrt(EXPLAINED * (1 - EXPLAINED)) * chunks.std()
    mean = chunks.mean()
    found: Array = mean + EXPLAINED * (chunks - mean)
    return found + error * generator.standard_normal(len(chunks))


def dealt(work: Array, expected: Array, world: int) -> float:
    """The work of the slowest process, as many micro-batches to each."""
    room = np.full(world, len(work) // world)
    loads, found = np.zeros(world), np.zeros(world)
    for index in np.argsort(-expected, kind="stable"):
        least = int(np.argmin(np.where(room > 0, loads, np.inf)))
        loads[least] += expected[index]
        found[least] += work[index]
        room[least] -= 1
    return float(found.max())


def simulate() -> None:
    """Print a line for each model, number of processes, and micro-batches of each."""
    print("| model | processes | micro-batches of each | in turns | known saves | estimate saves |")
    print(f"|{'---|' * 6}")
    for size in SIZES:
        inner = inner_share(size)
        for world, each in ((8, 1), (8, 2), (8, 8), (64, 1), (64, 2), (64, 8), (512, 4)):
            generator = np.random.default_rng(0)
            slowest = np.zeros(3)
            for _ in range(STEPS):
                chunks = chunks_of(world * each, generator)
                work = 1 + inner * (chunks - 1)
                guess = 1 + inner * (estimated(chunks, generator) - 1)
                in_turns = float(work.reshape(each, world).sum(0).max())
                found = np.array([in_turns, dealt(work, work, world), dealt(work, guess, world)])
                slowest += found * world / work.sum() / STEPS
            saved = " | ".join(f"{1 - by / slowest[0]:.1%}" for by in slowest[1:])
            print(f"| {size.name} | {world} | {each} | {slowest[0]:.3f} | {saved} |", flush=True)


def measure(checkpoint: str, path: str, windows: int) -> None:
    """Print what the constants of this file should be."""
    model = HNetForCausalLM.from_pretrained(checkpoint, "cpu")
    genome = Genome(path)
    name = max(genome.lengths, key=lambda name: genome.lengths[name])
    tokens = genome.fetch(name, 0, genome.lengths[name])
    counts, pairs = [], []
    for place in np.random.default_rng(0).permutation(len(tokens) // CONTEXT):
        window = tokens[place * CONTEXT : (place + 1) * CONTEXT]
        # Shards do without runs of unknown bases, which make hardly any chunks.
        if np.isin(window, dna.DNA.scored_tokens).all():
            with torch.inference_mode():
                out = model(torch.from_numpy(window).long())
            counts.append(int(out.boundaries[0].boundary_mask.sum()))
            pairs.append(np.bincount(4 * window[:-1] + window[1:], minlength=16) / CONTEXT)
        if len(counts) == windows:
            break
    chunks = np.array(counts) / np.mean(counts)
    print(f"{len(counts)} windows of {CONTEXT:,} bases: chunks vary by {chunks.std(ddof=1):.3f}")
    print(", ".join(f"{value:.3f}" for value in np.quantile(chunks, SHARES)))
    print(f"explained by pairs of bases: {explained(np.array(pairs), chunks):.2f}")


def explained(features: Array, values: Array) -> float:
    """The share of the variance that ridge regression explains in the fifth left out."""
    errors = np.zeros(len(values))
    for fifth in range(5):
        out = np.arange(len(values)) % 5 == fifth
        mean, level = features[~out].mean(0), values[~out].mean()
        known = features[~out] - mean
        gram = known.T @ known + 1e-5 * np.eye(known.shape[1])
        slope = np.linalg.solve(gram, known.T @ (values[~out] - level))
        errors[out] = values[out] - level - (features[out] - mean) @ slope
    return float(1 - (errors**2).sum() / ((values - values.mean()) ** 2).sum())


def main() -> None:
    """Simulate, or measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=2, metavar=("RUN", "GENOME"))
    parser.add_argument("--windows", type=int, default=200)
    args = parser.parse_args()
    if args.measure:
        checkpoint, path = args.measure
        measure(checkpoint, path, args.windows)
    else:
        simulate()


if __name__ == "__main__":
    main()
