"""A corpus of genomes: which are read, alike, dropped, weighed down and held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hnet_seq.evidence.similarity.genome_relatives import Nearest, Relatives
from hnet_seq.tasks.sharding.options import ShardOptions
from modalities.errors import InputError
from pipelines.batches.held_out_copies import WORD
from pipelines.corpus.assembly import LEVELS, Assembly
from pipelines.corpus.corpus_shards import Chosen, batches
from pipelines.corpus.corpus_split import check_named, held_out_genomes
from pipelines.corpus.sketches import SKETCH, Sketch, sketch_assemblies
from pipelines.progress import progress_bar
from pipelines.shards.corpus_entry import Corpus, GenomeEntry, NearestGenome
from pipelines.shards.sharding import worker_pool

BROKEN, ALIKE, GROUPS = "dropped_broken", "near_identical", "near_identical_groups"
"""What the manifest's statistics say of genomes, beside ``genomes`` and the other ``dropped_``."""


@dataclass(frozen=True)
class CorpusPlan:
    """What becomes of the genomes.

    Attributes:
        chosen: those that are stored, in the order of the inputs.
        corpus: what the manifest says.
        statistics: counts of genomes.
    """

    chosen: list[Chosen]
    corpus: Corpus
    statistics: dict[str, int]


def plan_corpus(
    assemblies: Sequence[Assembly], options: ShardOptions, workers: int, *, progress: bool
) -> CorpusPlan:
    """Read all genomes once, compare them, and say what becomes of each.

    Memory: 30 KB a genome, whatever its size.

    Raises:
        InputError: the first genome that cannot be read, unless broken ones are dropped; or none
            can.
        UsageError: as `pipelines.corpus.corpus_split.held_out_genomes`.
    """
    found = _sketched(assemblies, options, workers, progress=progress)
    reasons = {n: str(made) for n, made in enumerate(found) if isinstance(made, InputError)}
    _check_broken(found, options)
    known = [number for number in range(len(assemblies)) if number not in reasons]
    sketches = [made for made in found if isinstance(made, Sketch)]
    relatives = Relatives([sketch.lowest for sketch in sketches], SKETCH, WORD)
    alike = relatives.groups(partial(relatives.copies, distance=options.near_distance))
    dropped = _copies([assemblies[n] for n in known], sketches, relatives, options)
    reasons |= {known[row]: reason for row, reason in dropped.items()}
    kept = [row for row in range(len(known)) if row not in dropped]
    held = _held_out(assemblies, known, kept, sketches, relatives, options, reasons)
    # What is held out does not lessen the weight of its copies in training.
    trained = [row for row in kept if row not in held]
    copies = np.bincount(alike[trained], minlength=len(alike))
    members = np.bincount(alike)
    chosen, entries = [], []
    rows = {number: row for row, number in enumerate(known)}
    for number, assembly in enumerate(assemblies):
        row, split, weight, group = rows.get(number), None, assembly.weight, None
        if row is not None:
            group = int(alike[row])
            if options.duplicates == "weigh" and row not in held:
                weight /= copies[group]
            group = group if members[group] > 1 else None
        if row is not None and row not in dropped:
            split = "validation" if row in held else "train"
            chosen.append(Chosen(assembly, split, float(weight)))
        made = None if row is None else sketches[row]
        entries.append(_entry(assembly, made, float(weight), split, reasons.get(number), group))
    nearest = min(
        relatives.nearest(sorted(held), trained),
        key=lambda pair: pair.distance,
        default=None,
    )
    asked = options.min_distance if (options.validation or "").startswith("similarity:") else None
    corpus = Corpus(entries, options.near_distance, asked, _named(nearest, assemblies, known))
    return CorpusPlan(chosen, corpus, _counts(corpus, found, dropped))


def _sketched(
    assemblies: Sequence[Assembly], options: ShardOptions, workers: int, *, progress: bool
) -> list[Sketch | InputError]:
    found: list[Sketch | InputError] = []
    numbers = batches(assemblies)
    total = sum(assembly.bytes for assembly in assemblies)
    with progress_bar("comparing", total, unit="B", progress=progress) as bar:
        if workers == 1 or len(numbers) <= 1:
            for assembly in assemblies:
                found += sketch_assemblies([assembly], options.iupac)
                bar.update(assembly.bytes)
            return found
        with worker_pool(min(workers, len(numbers))) as pool:
            parts = [[assemblies[number] for number in batch] for batch in numbers]
            results = pool.map(sketch_assemblies, parts, [options.iupac] * len(parts))
            for part, result in zip(parts, results, strict=True):
                found += result
                bar.update(sum(assembly.bytes for assembly in part))
    return found


def _check_broken(found: Sequence[Sketch | InputError], options: ShardOptions) -> None:
    broken = [made for made in found if isinstance(made, InputError)]
    if broken and len(broken) == len(found):
        raise broken[0].with_remedy(f"no genome of {len(found)} can be read")
    if broken and options.broken_genomes == "error":
        more = f" ({len(broken)} of {len(found)} genomes cannot be read)"
        raise broken[0].with_remedy(
            f"--broken-genomes drop goes on without such genomes{more if broken[1:] else ''}"
        )


def _copies(
    assemblies: Sequence[Assembly],
    sketches: Sequence[Sketch],
    relatives: Relatives,
    options: ShardOptions,
) -> dict[int, str]:
    """Genomes that are dropped, and why: of copies, the one whose assembly goes furthest stays."""
    dropped: dict[int, str] = {}
    if options.duplicates not in ("exact", "near"):
        return dropped
    near: dict[int, int] = {}  # of each copy the genome that is kept instead
    kept: dict[tuple[int, int], int] = {}
    best_first = sorted(
        range(len(assemblies)), key=lambda row: (LEVELS.index(assemblies[row].level), row)
    )
    for row in best_first:
        # Records below the length of a word say nothing of what they hold.
        told = len(sketches[row].lowest) > 0
        same = kept.get((sketches[row].bases, sketches[row].content)) if told else None
        if same is not None:
            dropped[row] = f"duplicate of {assemblies[same].accession}"
        elif row in near:
            dropped[row] = f"near duplicate of {assemblies[near[row]].accession}"
        else:
            kept[sketches[row].bases, sketches[row].content] = row
            if options.duplicates == "near":
                for other in relatives.copies(row, options.near_distance).tolist():
                    near.setdefault(other, row)
    return dropped


def _held_out(
    assemblies: Sequence[Assembly],
    known: Sequence[int],
    kept: Sequence[int],
    sketches: Sequence[Sketch],
    relatives: Relatives,
    options: ShardOptions,
    reasons: Mapping[int, str],
) -> set[int]:
    """Rows of the sketches that are for validation."""
    left = [assemblies[known[row]] for row in kept]
    check_named(
        options.validation, {assemblies[number].accession: why for number, why in reasons.items()}
    )
    bases = {a.accession: sketches[row].bases for a, row in zip(left, kept, strict=True)}
    groups = None
    if (options.validation or "").startswith("similarity:"):
        numbers = relatives.groups(partial(relatives.near, distance=options.min_distance), kept)
        groups = {a.accession: int(numbers[row]) for a, row in zip(left, kept, strict=True)}
    held = held_out_genomes(left, bases, options.validation, groups)
    return {row for a, row in zip(left, kept, strict=True) if a.accession in held}


def _entry(
    assembly: Assembly,
    sketch: Sketch | None,
    weight: float,
    split: str | None,
    left_out: str | None,
    group: int | None,
) -> GenomeEntry:
    return GenomeEntry(
        assembly.accession,
        Path(assembly.files[0]).name,
        assembly.taxon,
        assembly.tax_id,
        assembly.level,
        sketch.bases if sketch else 0,
        sketch.records if sketch else 0,
        weight,
        split,
        left_out,
        group,
    )


def _named(
    nearest: Nearest | None, assemblies: Sequence[Assembly], known: Sequence[int]
) -> NearestGenome | None:
    if nearest is None:
        return None
    one, other = (assemblies[known[row]].accession for row in nearest[:2])
    return NearestGenome(one, other, nearest.distance)


def _counts(
    corpus: Corpus, found: Sequence[Sketch | InputError], dropped: Mapping[int, str]
) -> dict[str, int]:
    alike = Counter(entry.group for entry in corpus.genomes if entry.group is not None)
    copies = Counter(reason.partition(" of ")[0].replace(" ", "_") for reason in dropped.values())
    return {
        "genomes": len(found),
        BROKEN: sum(isinstance(made, InputError) for made in found),
        ALIKE: alike.total(),
        GROUPS: len(alike),
        **{f"dropped_{reason}_genomes": count for reason, count in sorted(copies.items())},
    }
