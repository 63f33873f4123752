"""Where a model cuts a genome into chunks, as BED; with genes, what it cuts at. Or text and code.

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
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from tqdm import tqdm

from hnet_seq.analysis.annotation import RecordAnnotation, from_features
from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.gene_region import REGION_BASES, describe_window, gene_richest_window
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.analysis.statistics import BoundaryStatistics
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, attention_window
from hnet_seq.tasks import segment_text
from hnet_seq.tasks.arguments import add_batch_arguments, add_streaming_arguments
from hnet_seq.tasks.byte_documents import is_byte_modality
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.segment_common import check_stage, check_stages, write_json
from modalities.errors import InputError, UsageError
from pipelines.annotation import read_gff
from pipelines.files import check_file, check_folder, replaced_file
from pipelines.genome import Genome
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
    _check_model(model)
    for name, value, least in (
        ("--left-context", left_context, 0),
        ("--batch-tokens", batch_tokens, 1),
        ("--attention-window", 1 if window is None else window, 1),
    ):
        if value < least:
            raise UsageError(name, f"must be {least} or more; got {value}")
    source = genome if isinstance(genome, Genome) else Genome(genome)
    spans = (
        [parse_region(region, source.lengths, source.path)]
        if region
        else [(name, 0, length) for name, length in source.lengths.items()]
    )
    stretches = (_stretch(source, *span, left_context) for span in spans if span[1] < span[2])
    bar = tqdm(
        total=sum(end - start for _, start, end in spans),
        unit="base",
        unit_scale=True,
        disable=None if progress else True,  # None: no bar where nobody looks on
        file=sys.stderr,
    )
    return _segment(model, source, stretches, batch_tokens, window, cache_limit, bar)


def _stretch(genome: Genome, name: str, start: int, end: int, left_context: int) -> Stretch:
    origin = max(start - left_context, 0)
    return Stretch(name, start, origin, genome.fetch(name, origin, end))


def _segment(
    model: HNetForCausalLM,
    genome: Genome,
    stretches: Iterator[Stretch],
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
                genome.path,
                f"{error} (--attention-window, --cache-limit)",
                where=f"record {error.key}",
            ) from None


def _check_model(model: HNetForCausalLM, checkpoint: str | Path | None = None) -> None:
    modality = model.metadata.get("modality")
    if modality != "dna":
        found = f"was trained on {modality}" if modality else "does not say what it was trained on"
        raise InputError(checkpoint, f"the model {found}; segment needs one trained on DNA")
    check_stages(model, checkpoint)


class _GenePicture:
    """The stretch with the most genes among the records seen so far."""

    def __init__(self) -> None:
        self._score = (0, 0)
        self.content: dict[str, Any] | None = None

    def consider(self, record: RecordBoundaries, annotation: RecordAnnotation, stage: int) -> None:
        coding = annotation.coding
        score, start = gene_richest_window(coding, record.start, record.end)
        if self.content is None or score > self._score:
            inside = slice(start - record.start, start - record.start + REGION_BASES)
            self._score = score
            self.content = describe_window(
                record.name,
                start,
                record.tokens[inside],
                record.boundary_prob[inside],
                record.cuts(stage).positions,
                coding,
            )


def _read_annotation(path: str, genome: Genome) -> dict[str, RecordAnnotation]:
    by_record = defaultdict(list)
    for feature in read_gff(path, lengths=genome.lengths):
        by_record[feature.sequence].append(feature)
    annotations = {name: from_features(features) for name, features in by_record.items()}
    if not any(len(annotation.coding.start) for annotation in annotations.values()):
        raise InputError(path, "no CDS with a strand; the statistics need reading frames")
    return annotations


def write_bed(file: IO[str], record: RecordBoundaries, stage: int) -> int:
    """Lines of the chunks that tile the record; score = 1000 * boundary probability.

    Returns:
        the number of chunks.
    """
    count = 0
    for starts, ends, probs in record.chunks(stage):
        count += len(starts)
        scores = np.rint(probs * 1000).astype(int)
        file.writelines(
            f"{record.name}\t{start}\t{end}\tstage{stage}\t{score}\t.\n"
            for start, end, score in zip(
                starts.tolist(), ends.tolist(), scores.tolist(), strict=True
            )
        )
    return count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq segment``."""
    parser.add_argument("checkpoint", help="checkpoint folder, or run folder for its last one")
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="FASTA, plain, gzip or bgzip; or files of text"
    )
    parser.add_argument("--bed", metavar="FILE", help="chunks to write")
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
    if not args.bed and not args.out:
        raise UsageError("segment", "nothing to write; give --bed FILE or --annotation with --out")
    if args.bed:
        check_file(args.bed, "--bed")
    if args.out:
        check_folder(args.out)
    _check_model(model, args.checkpoint)
    check_stage(model, args.stage, args.checkpoint)
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
    annotations = None
    if args.annotation:
        annotations = _read_annotation(args.annotation, genome)
    if args.bed:
        with replaced_file(Path(args.bed)) as bed:
            _run(args, records, model.num_stages, annotations, bed)
    else:
        _run(args, records, model.num_stages, annotations, None)
    return 0


def _run(
    args: argparse.Namespace,
    records: Iterator[RecordBoundaries],
    num_stages: int,
    annotations: dict[str, RecordAnnotation] | None,
    bed: IO[str] | None,
) -> None:
    began = time.monotonic()
    count = bases = 0
    chunks = np.zeros(num_stages, dtype=int)
    statistics = BoundaryStatistics()
    picture = _GenePicture()
    for record in records:
        count += 1
        bases += len(record.tokens)
        chunks += np.array([record.count(stage) for stage in range(num_stages)])
        if bed:
            write_bed(bed, record, args.stage)
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
