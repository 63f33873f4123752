"""``hnet-seq segment``: where a model cuts a genome, or text; arguments are in ``commands``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from hnet_seq.analysis.annotation import RecordAnnotation, from_features, from_genes
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.analysis.statistics import BoundaryStatistics
from hnet_seq.commands.segment import check_bytes, check_dna
from hnet_seq.jobs.ranks import check_meeting, find_ranks, rank_device
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.given_ids import modality_of
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import attention_window
from hnet_seq.results.boundaries import Boundaries, StageChunks
from hnet_seq.tasks.byte_documents import is_byte_modality
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.run_identity import about_twin, result_name
from hnet_seq.tasks.segmentation import text as segment_text
from hnet_seq.tasks.segmentation.bigwig import import_bigwig
from hnet_seq.tasks.segmentation.compute import genome_job, records
from hnet_seq.tasks.segmentation.files import Writer, open_files
from hnet_seq.tasks.segmentation.genes import GenePicture, find_picture, read_genes
from hnet_seq.tasks.segmentation.outputs import check_stage_files, check_table, stage_files
from hnet_seq.tasks.segmentation.records import (
    check_model,
    check_sizes,
    check_stage,
    region_stretches,
    segment,
)
from hnet_seq.tasks.segmentation.tables import gene_table
from hnet_seq.tasks.segmentation.viewers import boundary_tracks, write_igv, write_jbrowse
from modalities.file_hash import file_sha256
from pipelines.formats.genome import Genome
from pipelines.storage.files import check_folder

__all__ = ["main", "segment"]

#: What --out gets of a genome with genes.
RESULTS = ("boundaries.json", "region.json")


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    ranks = find_ranks()
    device = rank_device(args.device, ranks)
    model = load_pretrained(args.checkpoint, device, twin=args.twin)
    modality_of(model)  # a model of tokens has no boundaries among letters
    modality = model.metadata.get("modality")
    if is_byte_modality(modality):
        check_bytes(args, f"{modality}")
        return segment_text.run(args, model, ranks)
    check_dna(args)
    args.genome = args.inputs[0]
    if args.out:
        check_folder(args.out)
    check_model(model, args.checkpoint)
    check_stage(model, args.stage, args.checkpoint)
    check_stage_files(args, model.num_stages)
    beds, bigwigs = (
        stage_files(path, args.stage, model.num_stages, option) if path else []
        for path, option in ((args.bed, "bed"), (args.bigwig, "bigwig"))
    )
    chunks = check_table(args.chunks) if args.chunks else None
    if bigwigs:
        import_bigwig()  # whether it is there is asked before the work
    genome = Genome(args.genome, use_index=args.region is not None)
    annotations, place = None, None
    if args.annotation:
        genes = read_genes(args.annotation, genome)
        annotations = {name: from_genes(own) for name, own in genes.genes.records.items()}
        if args.picture:
            place = find_picture(args.picture, genes, genome, args.region)
        genes.tell()
    outputs = [path for _, path in (*beds, *bigwigs)] + ([chunks] if chunks else [])
    if args.out:
        outputs += [Path(args.out) / result_name(name, model) for name in RESULTS]
    check_sizes(args.left_context, args.batch_tokens, args.attention_window)
    check_meeting(args.genome, outputs, ranks)
    uncut = region_stretches(genome, args.region, args.left_context, model.bidirectional)
    job = genome_job(model, outputs, args, genome, uncut)
    annotated = file_sha256(args.annotation) if args.annotation else None
    made_with = {"stage": args.stage, "annotation": annotated, "picture": args.picture}
    job = replace(job, made_with=made_with)
    began = time.monotonic()
    with attention_window(model, args.attention_window), job.run(ranks) as computed:
        if computed is None:  # the rank that is done last writes
            return 0
        found = (record for _, record in records(computed))
        with open_files(genome.lengths, beds=beds, bigwigs=bigwigs, chunks=chunks) as writers:
            _run(args, model, found, annotations, GenePicture(place), writers, began)
    if args.igv or args.jbrowse:
        locus = args.region or next(iter(genome.lengths))
        tracks = boundary_tracks(beds, bigwigs, args.annotation)
        if args.igv:
            write_igv(Path(args.igv), genome.path, locus, tracks)
        if args.jbrowse:
            write_jbrowse(Path(args.jbrowse), genome.path, locus, tracks)
    return 0


def _run(
    args: argparse.Namespace,
    model: HNetLanguageModel,
    records: Iterator[RecordBoundaries],
    annotations: dict[str, RecordAnnotation] | None,
    picture: GenePicture,
    writers: list[Writer],
    began: float,
) -> None:
    count = bases = 0
    num_stages = model.num_stages
    chunks = np.zeros(num_stages, dtype=int)
    statistics = BoundaryStatistics()
    for record in records:
        count += 1
        bases += len(record.tokens)
        chunks += np.array([record.count(stage) for stage in range(num_stages)])
        for write in writers:
            write(record)
        if annotations is not None:
            annotation = annotations.get(record.name) or from_features([])
            statistics.add(record.tokens, record.mask(args.stage), annotation, record.start)
            picture.consider(record, annotation, args.stage)
    if annotations is not None:
        boundaries, region = (Path(args.out) / result_name(name, model) for name in RESULTS)
        found = Boundaries(
            **about_twin(model),
            stage=args.stage,
            stages=[
                StageChunks(s, k, bases / k if k else None) for s, k in enumerate(chunks.tolist())
            ],
            genome=Path(args.genome).name,
            annotation=Path(args.annotation).name,
            region=args.region or "whole genome",
            attention_window=args.attention_window,
            **statistics.summary(),
        )
        found.write(boundaries)
        if picture.content is not None:
            picture.content.write(region)
        print(gene_table(found))
    seconds = time.monotonic() - began
    print(
        f"{bases:,} bases in {count} records, {chunks[args.stage]:,} chunks of stage {args.stage}, "
        f"{bases / max(1, chunks[args.stage]):.2f} bases a chunk, {seconds:.1f} s, "
        f"{bases / max(seconds, 1e-9):,.0f} bases/s, peak memory {peak_memory_mb():,.0f} MB",
        file=sys.stderr,
    )
    if annotations is not None:
        draw = shlex.join(["hnet-seq", "report", args.out])
        print(f"{boundaries}; next: {draw}", file=sys.stderr)
