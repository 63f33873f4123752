"""A corpus of generated genomes with planted relatives: how far apart the splits are, and the cost.

    python studies/corpus_genomes.py relatives             # 200 genomes: asked against true
    python studies/corpus_genomes.py cost --genomes 10000  # seconds and memory of `shard`

Families of five: an ancestor of random bases and four descendants with 1 to 10% of substitutions,
every other one in three contigs and on the other strand. The true distance of two genomes is the
share of bases in which they differ, which only this script knows.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.tasks.shard import shard
from pipelines.shards.manifest import Manifest

FAMILY = 5
_LETTERS = np.frombuffer(b"ACGT", np.uint8)


def genomes(count: int, bases: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Tokens 0 to 3 of each genome, family after family."""
    generator = np.random.default_rng(seed)
    ancestor = np.zeros(0, np.uint8)
    for number in range(count):
        if number % FAMILY == 0:
            ancestor = generator.integers(0, 4, bases, np.uint8)
            yield ancestor
            continue
        genome = ancestor.copy()
        changed = generator.random(bases) < generator.uniform(0.01, 0.1)
        genome[changed] = (genome[changed] + generator.integers(1, 4, changed.sum())) % 4
        yield genome


def write(folder: Path, number: int, genome: NDArray[np.uint8]) -> None:
    """As FASTA: whole, or turned and in three contigs."""
    contigs = [genome]
    if number % 2:
        contigs = [3 - part[::-1] for part in np.array_split(genome, 3)]
    with open(folder / f"g{number:05d}.fna", "wb") as file:
        for place, contig in enumerate(contigs):
            file.write(b">contig_%d\n%s\n" % (place, _LETTERS[contig].tobytes()))


def true_distance(made: list[NDArray[np.uint8]], manifest: Manifest) -> float:
    """Of the nearest two genomes in different splits; 1 where no family is in both."""
    assert manifest.corpus is not None
    splits = [genome.split for genome in manifest.corpus.genomes]
    return min(
        (
            float(np.mean(made[one] != made[other]))
            for first in range(0, len(made), FAMILY)
            for one in range(first, first + FAMILY)
            for other in range(one + 1, first + FAMILY)
            if splits[one] != splits[other]
        ),
        default=1.0,
    )


def relatives(count: int, bases: int, seed: int) -> None:
    """A row for each distance that is asked for."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "genomes")
        folder.mkdir()
        made = list(genomes(count, bases, seed))
        for number, genome in enumerate(made):
            write(folder, number, genome)
        print("asked  printed  true   held out")
        for asked in (0.02, 0.04, 0.06, 0.08, 0.1):
            manifest = shard(
                [folder], Path(place, "s"), validation=f"similarity:0.2:{seed}",
                min_distance=asked, overwrite=True, progress=False,
            )  # fmt: skip
            assert manifest.corpus is not None
            nearest = manifest.corpus.nearest
            printed = f"{nearest.distance:.3f}" if nearest else ">0.24"
            share = manifest.tokens("validation") / (count * bases)
            true = true_distance(made, manifest)
            print(f"{asked:<5}  {printed:<7}  {true:.3f}  {share:.0%}")


def cost(count: int, bases: int, seed: int, workers: int) -> None:
    """What one call takes."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "genomes")
        folder.mkdir()
        for number, genome in enumerate(genomes(count, bases, seed)):
            write(folder, number, genome)
        began = time.perf_counter()
        command = [sys.executable, "-m", "hnet_seq.cli", "shard", f"{folder}"]
        command += ["--out", f"{Path(place, 's')}", "--workers", f"{workers}"]
        command += ["--validation", f"similarity:0.1:{seed}", "--duplicates", "weigh"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = used.ru_utime + used.ru_stime
        print(
            f"{count:,} genomes of {bases:,} bases: {seconds:.0f} s, {processor:.0f} CPU s in "
            f"{workers} processes on {os.cpu_count()} cores; the largest process had "
            f"{used.ru_maxrss / 1000:.0f} MB"
        )


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("relatives", "cost"))
    parser.add_argument("--genomes", type=int, default=200)
    parser.add_argument("--bases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    if args.what == "relatives":
        relatives(args.genomes, args.bases, args.seed)
    else:
        cost(args.genomes, args.bases, args.seed, args.workers)


if __name__ == "__main__":
    main()
