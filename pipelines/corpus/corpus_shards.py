"""Genomes of a corpus to shards: whole genomes make a unit, and go to one split each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from modalities.dna import TOKEN_BITS
from pipelines.corpus.assembly import Assembly
from pipelines.shards.bases_as_bytes import LetterWriter
from pipelines.shards.dna_shards import UNIT_BYTES, DnaOptions
from pipelines.shards.manifest_entry import WEIGHT_UNIT
from pipelines.shards.shard_folder import UnitResult
from pipelines.shards.sharding import Job
from pipelines.shards.unknown_runs import KnownStretches
from pipelines.shards.writer import SOFT_MASK_BIT, DocumentWriter, ShardWriter, split_writers


class Chosen(NamedTuple):
    """A genome that is stored: its split and the factor of the loss of its bases."""

    assembly: Assembly
    split: str
    weight: float


def batches(assemblies: Sequence[Assembly]) -> list[list[int]]:
    """Numbers of genomes that follow each other, about 64 MB of files together."""
    found: list[list[int]] = []
    size = UNIT_BYTES
    for number, assembly in enumerate(assemblies):
        if size >= UNIT_BYTES:
            found.append([])
            size = 0
        found[-1].append(number)
        size += assembly.bytes
    return found


def corpus_jobs(genomes: Sequence[Chosen], options: DnaOptions) -> list[Job]:
    """Units of genomes that follow each other."""
    return [
        Job(
            sum(genomes[number].assembly.bytes for number in numbers),
            partial(_write, [genomes[number] for number in numbers], options),
        )
        for numbers in batches([genome.assembly for genome in genomes])
    ]


def _write(
    genomes: Sequence[Chosen],
    options: DnaOptions,
    folder: Path,
    number: int,
    tell: Callable[[int], object],
) -> UnitResult:
    statistics: Counter[str] = Counter()
    with split_writers(
        folder, number, block_size=options.block_size, shard_size=options.shard_size
    ) as writers:
        for genome in genomes:
            statistics.update(_write_genome(genome, options, writers))
            tell(genome.assembly.bytes)
    statistics["dropped_short"] = sum(writer.dropped_short for writer in writers.values())
    return UnitResult.of(writers, statistics)


def _write_genome(
    genome: Chosen, options: DnaOptions, writers: Mapping[str, ShardWriter]
) -> Counter[str]:
    statistics: Counter[str] = Counter()
    kept_bits = np.uint8(TOKEN_BITS | (SOFT_MASK_BIT if options.keep_soft_mask else 0))
    shards = writers[genome.split]
    shards.weight = max(1, round(genome.weight * WEIGHT_UNIT))
    writer: DocumentWriter = LetterWriter(shards) if options.letters else shards
    record: KnownStretches | None = None
    for piece in genome.assembly.pieces(options.iupac):
        if record is None:
            name = f"{genome.assembly.accession}/{piece.name}"
            record = KnownStretches(writer, name, 0, "", options.unknown_run)
        record.feed(piece.annotated & kept_bits)
        if piece.ends:
            record.close()
            statistics.update(
                {"records": 1, "dropped_unknown": record.dropped, **asdict(piece.counts)}
            )
            record = None
    return statistics
