"""Where a model cuts a genome: BED, bigWig, tables; with genes, what it cuts at. Or text and code.

Records of any length go through in one pass, piece by piece from a running state. With
--annotation and --out, DIR/boundaries.json has boundary rates by codon position, region,
homopolymer and start and stop codon beside their controls, and DIR/region.json one stretch full
of genes. A model of text or code reads files, folders or --shards DIR, and prints at what it cuts:
spaces, starts of words, inside words, punctuation (docs/boundaries.md).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from hnet_seq.analysis.annotation import RecordAnnotation, from_features
from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.analysis.statistics import BoundaryStatistics
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, attention_window
from hnet_seq.tasks.arguments import add_batch_arguments, add_streaming_arguments
from hnet_seq.tasks.byte_documents import is_byte_modality
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.segmentation import text as segment_text
from hnet_seq.tasks.segmentation.common import check_stage, check_stages, write_json
from hnet_seq.tasks.segmentation.files import (
    Writer,
    check_table,
    import_bigwig,
    open_files,
    stage_files,
)
from hnet_seq.tasks.segmentation.genes import GenePicture, read_genes
from modalities.errors import InputError, UsageError
from pipelines.files import check_folder
from pipelines.genome import Genome
from pipelines.progress import progress_bar
from pipelines.regions import parse_region

EXAMPLE = "hnet-seq segment run genome.fna.gz --bed chunks.bed"

LEFT_CONTEXT = 8192  # bases
BATCH_TOKENS = 8192  # bases; twice that takes 140 MB more and the same time


def segment(
    model: HNetForCausalLM,
    genome: str | Path | Genome,
    *,
    region: str | None = None,
    left_context: int = LEFT_CONTEXT,
    batch_tokens: int = BATCH_TOKENS,
    window: int | None = None,
    cache_limit: int = CACHE_LIMIT,
    progress: bool = False,
) -> Iterator[RecordBoundaries]:
    """Cut every record of a genome, or one region of it, on the model's device.

    Records come in the file's order, and each is what one pass over the whole record gives. Held
    at a time are one forward call of ``batch_tokens`` and about 10 bytes per base of the longest
    record.

    Args:
        genome: FASTA, plain, gzip or bgzip; or one that is open.
        region: ``NAME`` or ``NAME:START-END``, 1-based and inclusive as samtools has it.
        left_context: bases before a region that the model reads first, if the record has them.
        batch_tokens: bases of one forward call.
        window: positions that global attention sees, instead of all; None leaves the model as it
            is. Without global attention it changes nothing.
        cache_limit: bytes that global attention may cache; a record that needs more is an error.

    Raises:
        UsageError: sizes that cannot be meant, or a malformed region.
        InputError: an unreadable genome, an unknown record, a region outside it, a model that
            has no boundaries or was not trained on DNA, or a record over ``cache_limit``.
    """
    check_model(model)
    for name, value, least in (
        ("--left-context", left_context, 0),
        ("--batch-tokens", batch_tokens, 1),
        ("--attention-window", 1 if window is None else window, 1),
    ):
        if value < least:
            raise UsageError(name, f"must be {least} or more; got {value}")
    source = genome if isinstance(genome, Genome) else Genome(genome)
    spans = region_spans(source, region)
    stretches = (_stretch(source, *span, left_context) for span in spans if span[1] < span[2])
    return segment_stretches(
        model,
        stretches,
        path=source.path,
        total=sum(end - start for _, start, end in spans),
        batch_tokens=batch_tokens,
        window=window,
        cache_limit=cache_limit,
        progress=progress,
    )


def region_spans(genome: Genome, region: str | None) -> list[tuple[str, int, int]]:
    """Record, start and end of a region, or of every record where there is none."""
    if region:
        return [parse_region(region, genome.lengths, genome.path)]
    return [(name, 0, length) for name, length in genome.lengths.items()]


def segment_stretches(
    model: HNetForCausalLM,
    stretches: Iterable[Stretch],
    *,
    path: str | Path,
    total: int,
    batch_tokens: int = BATCH_TOKENS,
    window: int | None = None,
    cache_limit: int = CACHE_LIMIT,
    progress: bool = False,
) -> Iterator[RecordBoundaries]:
    """Cut stretches, none empty, in their order.

    Args:
        path: of the genome that they come from, for errors.
        total: bases of all of them, for the progress bar.

    Raises:
        InputError: a stretch needs more than ``cache_limit`` bytes.
    """
    bar = progress_bar("segment", total, unit="base", progress=progress)
    return _segment(model, path, stretches, batch_tokens, window, cache_limit, bar)


def _stretch(genome: Genome, name: str, start: int, end: int, left_context: int) -> Stretch:
    origin = max(start - left_context, 0)
    return Stretch(name, start, origin, genome.fetch(name, origin, end))


def _segment(
    model: HNetForCausalLM,
    path: str | Path,
    stretches: Iterable[Stretch],
    batch_tokens: int,
    window: int | None,
    cache_limit: int,
    bar: tqdm[Any],
) -> Iterator[RecordBoundaries]:
    with bar, attention_window(model, window):
        try:
            yield from cut(model, stretches, batch_tokens, cache_limit, bar.update)
        except CacheLimitError as error:
            raise InputError(
                path,
                f"{error} (--attention-window, --cache-limit)",
                where=f"record {error.key}",
            ) from None


def check_model(model: HNetForCausalLM, checkpoint: str | Path | None = None) -> None:
    """Raise InputError unless the model cuts DNA."""
    modality = model.metadata.get("modality")
    if modality != "dna":
        found = f"was trained on {modality}" if modality else "does not say what it was trained on"
        raise InputError(checkpoint, f"the model {found}; segment needs one trained on DNA")
    check_stages(model, checkpoint)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq segment``."""
    parser.add_argument("checkpoint", help="checkpoint folder, or run folder for its last one")
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="FASTA, plain, gzip or bgzip; or files of text"
    )
    parser.add_argument("--bed", metavar="FILE", help="chunks; {stage} in the name: every stage")
    parser.add_argument(
        "--bigwig",
        metavar="FILE",
        help="boundary probability per base; {stage} in the name: every stage",
    )
    parser.add_argument(
        "--chunks", metavar="TABLE", help="chunks of all stages: .parquet, .tsv or .tsv.gz"
    )
    parser.add_argument("--stage", type=int, default=0, help="0 is the outermost (%(default)s)")
    parser.add_argument("--region", metavar="NAME[:START-END]", help="1-based, inclusive")
    parser.add_argument("--annotation", metavar="GFF", help="genes to hold the boundaries against")
    parser.add_argument("--out", metavar="DIR", help="folder for boundaries.json and region.json")
    parser.add_argument(
        "--left-context",
        type=int,
        default=LEFT_CONTEXT,
        metavar="BASES",
        help="read before a region, not reported (%(default)s)",
    )
    segment_text.add_arguments(parser)
    add_streaming_arguments(parser)
    add_batch_arguments(parser, BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    model = HNetForCausalLM.from_pretrained(args.checkpoint, args.device)
    if is_byte_modality(model.metadata.get("modality")):
        return segment_text.run(args, model)
    if len(args.inputs) != 1 or args.shards or args.show:
        raise UsageError("segment", f"{args.checkpoint} is no model of text; give one FASTA file")
    args.genome = args.inputs[0]
    if bool(args.annotation) != bool(args.out):
        raise UsageError("--annotation", "goes together with --out DIR")
    if not (args.bed or args.bigwig or args.chunks or args.out):
        raise UsageError(
            "segment",
            "nothing to write; give --bed, --bigwig or --chunks FILE, or --annotation with --out",
        )
    if args.out:
        check_folder(args.out)
    check_model(model, args.checkpoint)
    check_stage(model, args.stage, args.checkpoint)
    beds, bigwigs = (
        stage_files(path, args.stage, model.num_stages, option) if path else []
        for path, option in ((args.bed, "--bed"), (args.bigwig, "--bigwig"))
    )
    chunks = check_table(args.chunks) if args.chunks else None
    if bigwigs:
        import_bigwig()  # whether it is there is asked before the work
    genome = Genome(args.genome)
    records = segment(
        model,
        genome,
        region=args.region,
        left_context=args.left_context,
        batch_tokens=args.batch_tokens,
        window=args.attention_window,
        cache_limit=args.cache_limit,
        progress=True,
    )
    annotations = read_genes(args.annotation, genome) if args.annotation else None
    with open_files(genome.lengths, beds=beds, bigwigs=bigwigs, chunks=chunks) as writers:
        _run(args, records, model.num_stages, annotations, writers)
    return 0


def _run(
    args: argparse.Namespace,
    records: Iterator[RecordBoundaries],
    num_stages: int,
    annotations: dict[str, RecordAnnotation] | None,
    writers: list[Writer],
) -> None:
    began = time.monotonic()
    count = bases = 0
    chunks = np.zeros(num_stages, dtype=int)
    statistics = BoundaryStatistics()
    picture = GenePicture()
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
        out = Path(args.out)
        head = {
            "stage": args.stage,
            "stages": [
                {"stage": s, "boundaries": k, "bases_per_chunk": bases / k if k else None}
                for s, k in enumerate(chunks.tolist())
            ],
            "genome": Path(args.genome).name,
            "annotation": Path(args.annotation).name,
            "region": args.region or "whole genome",
            "attention_window": args.attention_window,
        }
        write_json(out / "boundaries.json", head | statistics.summary())
        if picture.content is not None:
            write_json(out / "region.json", picture.content)
    seconds = time.monotonic() - began
    print(
        f"{bases:,} bases in {count} records, {chunks[args.stage]:,} chunks of stage {args.stage}, "
        f"{bases / max(1, chunks[args.stage]):.2f} bases a chunk, {seconds:.1f} s, "
        f"{bases / max(seconds, 1e-9):,.0f} bases/s, peak memory {peak_memory_mb():,.0f} MB",
        file=sys.stderr,
    )
