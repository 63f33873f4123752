"""Families of generated genomes, and their shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.tasks.shard import shard
from pipelines.shards.manifest import Manifest

_LETTERS = np.frombuffer(b"ACGT", np.uint8)
DIVERGED = (0.0, 0.005, 0.02, 0.04, 0.06, 0.08, 0.1)  # of each family from its ancestor


def family(seed: int, bases: int = 20_000) -> list[np.ndarray]:
    """An ancestor and what it became."""
    generator = np.random.default_rng(seed)
    ancestor = generator.integers(0, 4, bases, np.uint8)
    made = []
    for share in DIVERGED:
        genome = ancestor.copy()
        changed = generator.random(bases) < share
        genome[changed] = (genome[changed] + generator.integers(1, 4, changed.sum())) % 4
        made.append(genome)
    return made


def write(path: Path, contigs: Sequence[np.ndarray]) -> None:
    text = "".join(
        f">contig{n}\n{_LETTERS[contig].tobytes().decode()}\n" for n, contig in enumerate(contigs)
    )
    path.write_text(text)


def made_of(place: Path, folder: Path | Sequence[Path], **options: Any) -> Manifest:
    inputs = [folder] if isinstance(folder, Path) else folder
    return shard(inputs, place / "s", overwrite=True, progress=False, **options)


def splits(manifest: Manifest) -> dict[str, str | None]:
    assert manifest.corpus is not None
    return {genome.accession: genome.split for genome in manifest.corpus.genomes}
