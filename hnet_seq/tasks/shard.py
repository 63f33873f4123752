"""``hnet-seq shard``: a folder of shards, or a look at one; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import modalities
from hnet_seq.commands.shard_options import options_from
from hnet_seq.jobs.ranks import find_ranks
from hnet_seq.tasks.bed_blocks import tell_of_blocks
from hnet_seq.tasks.sharding.check import check, peek
from hnet_seq.tasks.sharding.corpus import plan_corpus
from hnet_seq.tasks.sharding.options import ShardOptions
from hnet_seq.tasks.sharding.similar_records import compare_records
from hnet_seq.tasks.sharding.summary import summary, warning
from modalities.errors import InputError, UsageError
from modalities.file_hash import file_sha256
from modalities.given_paths import check_once
from pipelines.batches.held_out_copies import held_out_copies
from pipelines.corpus.corpus_shards import corpus_jobs
from pipelines.corpus.inputs import find_assemblies, is_corpus
from pipelines.documents import (
    UNIT_BYTES,
    DocumentOptions,
    Signatures,
    Unit,
    find_duplicates,
    plan_units,
    signatures,
)
from pipelines.formats.intervals import annotation_format, read_intervals
from pipelines.progress import progress_bar
from pipelines.shards import dna_shards
from pipelines.shards.dna_shards import DnaOptions, dna_jobs, survey
from pipelines.shards.document_shards import ByteOptions, Tail, document_jobs, find_tail
from pipelines.shards.document_split import DocumentSplit
from pipelines.shards.manifest import FORMAT, SPLITS, Manifest, Source
from pipelines.shards.region_labels import keep_intervals, label_intervals
from pipelines.shards.shard_folder import staged_folder
from pipelines.shards.sharding import Job, added, run_jobs, worker_pool
from pipelines.shards.split import plan_split

__all__ = ["main", "shard", "summary"]

_ACTIONS = {"shard check": check, "shard peek": peek}


def shard(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: bool = True,
    **options: Any,
) -> Manifest:
    """Write a folder of shards: complete, or not at all.

    Memory does not grow with the length of a record. A call that was killed is gone on with by the
    same call: units that were complete are not made again.

    Args:
        inputs: FASTA, GenBank or 2bit files (DNA); folders of these, lists of paths or packages of
            NCBI Datasets (a corpus: each genome is a unit); or files and folders (text, code).
        out: the folder to make.
        workers: processes; the shards are the same for any number.
        overwrite: replace a folder of shards.
        options: of :class:`ShardOptions`.

    Returns:
        The manifest, with what was counted as ``statistics``.

    Raises:
        InputError: an input that is not what it should be, or of which nothing is left.
        UsageError: options out of range, an unknown record in ``validation``, or ``out`` exists.
    """
    chosen = ShardOptions(**options)
    chosen.check()
    if not inputs:
        raise UsageError("inputs", "no files given")
    paths = [Path(path) for path in inputs]
    corpus = chosen.is_dna and is_corpus(paths)
    if chosen.is_dna:
        chosen.check_inputs(corpus)
    genomes = find_assemblies(paths) if corpus else []
    listed = dict.fromkeys(path for genome in genomes for path in genome.paths)
    plan = {
        "format": FORMAT,
        "unit_bytes": [UNIT_BYTES, dna_shards.UNIT_BYTES],
        "inputs": [_state(path) for path in [*paths, *listed]],
        "regions": None if chosen.regions is None else _state(Path(chosen.regions)),
        "options": {**chosen.recorded(corpus), "modality": chosen.modality},
    }
    workers_of = find_ranks().pool
    with staged_folder(out, plan, overwrite=overwrite) as staging:
        told = None
        if corpus:
            told = plan_corpus(genomes, chosen, workers, progress=progress)
            jobs, files = corpus_jobs(told.chosen, _stored(chosen)), list(listed)
        elif chosen.is_dna:
            jobs, files = _dna(paths, chosen, progress=progress)
        else:
            others = workers_of(None) if workers_of else None
            jobs, files = _documents(paths, chosen, workers, others, progress=progress)
        pool = workers_of(staging.folder) if workers_of else None
        results = run_jobs(jobs, staging, workers, pool=pool, progress=progress)
        statistics = added(results)
        statistics.update(told.statistics if told else {})
        kind = modalities.get(chosen.modality)
        manifest = Manifest(
            modality=chosen.modality,
            vocab_size=kind.vocab_size,
            vocabulary_fingerprint=kind.fingerprint,
            block_size=chosen.block_size,
            soft_mask=chosen.keep_soft_mask,
            validation=chosen.validation,
            options=chosen.recorded(corpus),
            sources=[_source(path) for path in files],
            shards=[shard for result in results for shard in result.shards],
            statistics=dict(sorted(statistics.items())),
            corpus=told.corpus if told else None,
        )
        _check_left(manifest, paths, chosen)
        if chosen.is_dna:
            total = sum(manifest.tokens(split) for split in SPLITS) if manifest.validation else 0
            with progress_bar("comparing", total, unit="base", progress=progress) as bar:
                manifest.statistics.update(held_out_copies(staging.folder, manifest, bar.update))
        manifest.save(staging.folder)
    return manifest


def _dna(
    paths: list[Path], options: ShardOptions, *, progress: bool
) -> tuple[list[Job], list[Path]]:
    check_once(paths)
    with progress_bar("reading", None, unit="B", progress=progress) as bar:
        places = survey(paths, bar.update)
    lengths = {name: place.bases for name, (_, place) in places.items()}
    if not lengths:
        options = ShardOptions(**{**vars(options), "validation": None})
    similar = compare_records(places, paths, options, progress=progress)
    kept = {name: bases for name, bases in lengths.items() if name not in similar.dropped}
    similar.check_named(options.validation)
    plan = plan_split(kept, options.validation, guard=options.guard, groups=similar.groups)
    if options.regions is not None:
        _say_blocks(Path(options.regions))
        intervals = read_intervals(
            options.regions, options.features or None, options.flank, lengths=lengths
        )
        if options.label_regions:
            plan = label_intervals(plan, intervals, lengths)
        else:
            plan = keep_intervals(plan, intervals)
    return dna_jobs(places, paths, plan, _stored(options), similar.dropped), paths


def _stored(options: ShardOptions) -> DnaOptions:
    return DnaOptions(
        iupac=options.iupac,
        unknown_run=options.unknown_run,
        keep_soft_mask=options.keep_soft_mask,
        letters=options.modality == "dna_bytes",
        block_size=options.block_size,
        shard_size=options.shard_size,
    )


def _say_blocks(regions: Path) -> None:
    if annotation_format(regions) == "BED":
        tell_of_blocks(regions)


def _documents(
    paths: list[Path],
    options: ShardOptions,
    workers: int,
    others: Executor | None,
    *,
    progress: bool,
) -> tuple[list[Job], list[Path]]:
    documents = options.documents
    units = plan_units(paths, modality=options.modality, text_field=documents.text_field)
    stored = ByteOptions(
        documents,
        DocumentSplit.parse(options.validation),
        block_size=options.block_size,
        shard_size=options.shard_size,
    )
    duplicates = {}
    if documents.duplicates != "keep":
        found = _signatures(units, documents, workers, others, progress=progress)
        duplicates = find_duplicates(found, documents)
    tail: Tail | None = None
    if stored.split.form == "last":
        tail = find_tail(units, stored, duplicates)
    files = list(dict.fromkeys(Path(path) for unit in units for path in unit.paths))
    return document_jobs(units, stored, duplicates, tail), files


def _signatures(
    units: Sequence[Unit],
    options: DocumentOptions,
    workers: int,
    others: Executor | None,
    *,
    progress: bool,
) -> list[Signatures]:
    found = []
    with progress_bar("comparing", sum(u.bytes for u in units), unit="B", progress=progress) as bar:
        if others is None and (workers == 1 or len(units) <= 1):
            for unit in units:
                found.append(signatures(unit, options))
                bar.update(unit.bytes)
            return found
        with others or worker_pool(workers) as pool:
            results = pool.map(signatures, units, [options] * len(units))
            for unit, result in zip(units, results, strict=True):
                found.append(result)
                bar.update(unit.bytes)
    return found


def _check_left(manifest: Manifest, paths: Sequence[Path], options: ShardOptions) -> None:
    for split in ("train", "validation") if manifest.validation else ("train",):
        if manifest.tokens(split):
            continue
        inputs = ", ".join(map(str, paths))
        if split == "validation" and options.regions is not None:
            # Where genes lie is not the user's choice: what was kept is all the same right.
            print(
                f"{inputs}: no interval of {options.regions} lies in --validation "
                f"{options.validation}, so nothing is held out",
                file=sys.stderr,
            )
            continue
        counts = ", ".join(f"{count:,} {name}" for name, count in manifest.statistics.items())
        remedy = "give other inputs" if split == "train" else "hold something else out"
        raise InputError(inputs, f"nothing is left for {split}: {counts or 'no input'}; {remedy}")


def _state(path: Path) -> list[Any]:
    """What tells whether an input has changed between two calls: of a folder, all that is in it."""
    if path.is_dir():
        digest = hashlib.sha256()
        for folder, _, names in sorted(os.walk(path)):
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file():
                    stat = file.stat()
                    digest.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        return [str(path.absolute()), digest.hexdigest()]
    if not path.exists():
        return [str(path.absolute())]
    stat = path.stat()
    return [str(path.absolute()), stat.st_size, stat.st_mtime_ns]


def _source(path: Path) -> Source:
    return Source(path.name, file_sha256(path), path.stat().st_size)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    action = _ACTIONS.get(getattr(args, "asked", ""))
    if action is not None:
        return action(args.inputs[0], args)
    manifest = shard(
        args.inputs,
        args.out,
        workers=args.workers,
        overwrite=args.overwrite,
        **options_from(args),
    )
    print(summary(manifest))
    if said := warning(manifest):
        print(said, file=sys.stderr)
    return 0
