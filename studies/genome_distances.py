"""Distances of genomes by our sketches, by skani and by sourmash: how near the truth, how fast.

    pip install pyskani sourmash  # of no use elsewhere here
    python studies/genome_distances.py

Twelve random genomes of 100 kb, each beside a copy with that share of substitutions. CPU seconds
are those of sketching the twelve.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hnet_seq.evidence.similarity.genome_relatives import Relatives
from pipelines.batches.held_out_copies import WORD
from pipelines.corpus.inputs import find_assemblies
from pipelines.corpus.sketches import SKETCH, Sketch, sketch_assemblies

COUNT, BASES = 12, 100_000
_LETTERS = np.frombuffer(b"ACGT", np.uint8)
Pairs = Sequence[tuple[bytes, bytes]]


def ours(pairs: Pairs) -> tuple[float, list[float]]:
    """CPU seconds, and the distance of each pair."""
    with TemporaryDirectory() as folder:
        for number, genome in enumerate(sum(pairs, ())):
            with open(f"{folder}/{number:02d}.fa", "wb") as file:
                file.write(b">x\n" + genome + b"\n")
        began = time.process_time()
        found = sketch_assemblies(find_assemblies([folder]), "unknown")
        seconds = (time.process_time() - began) / 2
    relatives = Relatives([made.lowest for made in found if isinstance(made, Sketch)], SKETCH, WORD)
    ones = range(0, 2 * COUNT, 2)
    return seconds, [p.distance for p in relatives.nearest(ones, [one + 1 for one in ones])]


def skani(pairs: Pairs) -> tuple[float, list[float]]:
    """As :func:`ours`."""
    pyskani = importlib.import_module("pyskani")
    began = time.process_time()
    database = pyskani.Database()
    for number, (genome, _) in enumerate(pairs):
        database.sketch(f"{number}", genome)
    seconds = time.process_time() - began
    hits = [database.query("x", copy, learned_ani=False) for _, copy in pairs]
    return seconds, [1 - hit.identity for found in hits for hit in found]


def by_sourmash(pairs: Pairs) -> tuple[float, list[float]]:
    """As :func:`ours`."""

    sourmash = importlib.import_module("sourmash")

    def sketch(genome: bytes) -> Any:
        made = sourmash.MinHash(n=SKETCH, ksize=21)
        made.add_sequence(genome.decode())
        return made

    began = time.process_time()
    sketches = [sketch(genome) for genome, _ in pairs]
    seconds = time.process_time() - began
    shares = [made.jaccard(sketch(copy)) for made, (_, copy) in zip(sketches, pairs, strict=True)]
    return seconds, [1 - (2 * share / (1 + share)) ** (1 / 21) for share in shares]


def main() -> None:
    """A row for each share of substitutions and library."""
    tools: dict[str, Callable[[Pairs], tuple[float, list[float]]]] = {
        "ours": ours,
        "skani": skani,
        "sourmash": by_sourmash,
    }
    generator = np.random.default_rng(0)
    for share in (0.01, 0.02, 0.05, 0.1):
        pairs = []
        for _ in range(COUNT):
            genome = generator.integers(0, 4, BASES, np.uint8)
            copy = genome.copy()
            changed = generator.random(BASES) < share
            copy[changed] = (copy[changed] + generator.integers(1, 4, changed.sum())) % 4
            pairs.append((_LETTERS[genome].tobytes(), _LETTERS[copy].tobytes()))
        for name, measure in tools.items():
            seconds, found = measure(pairs)
            print(f"{share:<5} {name:<9} {min(found):.4f} to {max(found):.4f}  {seconds:.2f} CPU s")


if __name__ == "__main__":
    main()
