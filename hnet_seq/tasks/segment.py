"""Where a model cuts a genome into chunks, as BED; with genes, what it cuts at.

The genome is read in overlapping windows, so records of any length work. With --annotation and
--out, DIR/boundaries.json has boundary rates by codon position, region, homopolymer and start and
stop codon beside their controls, and DIR/region.json one stretch full of genes
(docs/boundaries.md).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from tqdm import tqdm

from hnet_seq.analysis.annotation import RecordAnnotation, from_features
from hnet_seq.analysis.gene_region import REGION_BASES, describe_window, gene_richest_window
from hnet_seq.analysis.statistics import BoundaryStatistics
from hnet_seq.analysis.window_batch import WindowBatch
from hnet_seq.analysis.windows import Assembly, RecordBoundaries, plan_windows
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.arguments import add_batch_arguments
from modalities.errors import InputError, UsageError
from pipelines.annotation import read_gff
from pipelines.files import check_file, check_folder, replaced_file
from pipelines.genome import Genome

EXAMPLE = "hnet-seq segment run genome.fna.gz --bed chunks.bed"

CONTEXT = 8192  # bases
OVERLAP = 1024  # bases
BATCH_TOKENS = 32768


def segment(
    model: HNetForCausalLM,
    genome: str | Path | Genome,
    *,
    region: str | None = None,
    context: int = CONTEXT,
    overlap: int = OVERLAP,
    batch_tokens: int = BATCH_TOKENS,
    progress: bool = False,
) -> Iterator[RecordBoundaries]:
    """Cut every record of a genome, or one region of it, on the model's device.

    Records come in the file's order, one at a time: about 10 bytes per base of the longest record
    and one forward call of ``batch_tokens`` are held.

    Args:
        genome: FASTA, plain, gzip or bgzip; or one that is open.
        region: ``NAME`` or ``NAME:START-END``, 1-based and inclusive as samtools has it.
        context: bases of one window.
        overlap: bases at the start of each window that only lend left context; none are lost at
            the start of a record.
        batch_tokens: windows are packed up to this many bases a call; at least ``context``.

    Raises:
        UsageError: sizes that cannot be meant, or a malformed region.
        InputError: an unreadable genome, an unknown record, a region outside it, or a model that
            has no boundaries or was not trained on DNA.
    """
    _check_model(model)
    if not 0 < overlap < context:
        raise UsageError(
            "--overlap", f"must be over 0 and under the context, {context}; got {overlap}"
        )
    if batch_tokens < context:
        raise UsageError(
            "--batch-tokens", f"must hold one window of {context} bases; got {batch_tokens}"
        )
    source = genome if isinstance(genome, Genome) else Genome(genome)
    spans = (
        [parse_region(region, source.lengths, source.path)]
        if region
        else [(name, 0, length) for name, length in source.lengths.items()]
    )
    return _segment(model, source, spans, context, overlap, batch_tokens, progress)


def parse_region(region: str, lengths: dict[str, int], genome: str | Path) -> tuple[str, int, int]:
    """``NAME`` or ``NAME:START-END`` to name and 0-based half-open bounds.

    Names may hold colons: a whole record's name wins over a range.
    """
    if region in lengths:
        return region, 0, lengths[region]
    name, colon, bounds = region.rpartition(":")
    first, _, last = bounds.replace(",", "").partition("-")
    if not colon or not (first.isdecimal() and last.isdecimal()):
        if name in lengths:
            raise UsageError("--region", f"{region!r} is not NAME:START-END, 1-based")
        name = region
    if name not in lengths:
        known = ", ".join(list(lengths)[:3]) + (", ..." if len(lengths) > 3 else "")
        raise InputError(genome, f"no record {name!r}; it has {known}", where="--region")
    start, end = int(first) - 1, int(last)
    if not 0 <= start < end <= lengths[name]:
        raise InputError(
            genome, f"{first}-{last} is not within 1-{lengths[name]} of {name}", where="--region"
        )
    return name, start, end


def _check_model(model: HNetForCausalLM, checkpoint: str | Path | None = None) -> None:
    modality = model.metadata.get("modality")
    if modality != "dna":
        found = f"was trained on {modality}" if modality else "does not say what it was trained on"
        raise InputError(checkpoint, f"the model {found}; segment needs one trained on DNA")
    if not model.num_stages:
        raise InputError(
            checkpoint,
            "the model is isotropic: it has no router and no boundaries; give an H-Net with stages",
        )


def _segment(
    model: HNetForCausalLM,
    genome: Genome,
    spans: list[tuple[str, int, int]],
    context: int,
    overlap: int,
    batch_tokens: int,
    progress: bool,
) -> Iterator[RecordBoundaries]:
    bar = tqdm(
        total=sum(end - start for _, start, end in spans),
        unit="base",
        unit_scale=True,
        disable=not progress,
        file=sys.stderr,
    )
    waiting: deque[Assembly] = deque()
    batch = WindowBatch(model)
    with bar:
        for name, start, end in spans:
            origin = max(start - overlap, 0)
            tokens = genome.fetch(name, origin, end)
            record = Assembly(name, start, tokens[start - origin :], model.num_stages)
            waiting.append(record)
            for window in plan_windows(start, end, context, overlap):
                if batch.tokens + window.end - window.start > batch_tokens:
                    bar.update(batch.run())
                batch.add(record, window, tokens[window.start - origin : window.end - origin])
            while waiting and waiting[0].complete:
                yield waiting.popleft().finish()
        bar.update(batch.run())
        while waiting:
            yield waiting.popleft().finish()


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
                record.stages[stage].positions,
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


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with replaced_file(path) as file:
        file.write(json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_bed(file: IO[str], record: RecordBoundaries, stage: int) -> int:
    """Lines of the chunks that tile the record; score = 1000 * boundary probability.

    Returns:
        the number of chunks.
    """
    starts, ends, probs = record.chunks(stage)
    scores = np.rint(probs * 1000).astype(int)
    for start, end, score in zip(starts.tolist(), ends.tolist(), scores.tolist(), strict=True):
        file.write(f"{record.name}\t{start}\t{end}\tstage{stage}\t{score}\t.\n")
    return len(starts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq segment``."""
    parser.add_argument("checkpoint", help="checkpoint folder, or run folder for its last one")
    parser.add_argument("genome", help="FASTA: plain, gzip or bgzip")
    parser.add_argument("--bed", metavar="FILE", help="chunks to write")
    parser.add_argument("--stage", type=int, default=0, help="0 is the outermost (%(default)s)")
    parser.add_argument("--region", metavar="NAME[:START-END]", help="1-based, inclusive")
    parser.add_argument("--annotation", metavar="GFF", help="genes to hold the boundaries against")
    parser.add_argument("--out", metavar="DIR", help="folder for boundaries.json and region.json")
    parser.add_argument("--context", type=int, default=CONTEXT, help="bases a window (%(default)s)")
    parser.add_argument(
        "--overlap", type=int, default=OVERLAP, help="bases of left context (%(default)s)"
    )
    add_batch_arguments(parser, BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if bool(args.annotation) != bool(args.out):
        raise UsageError("--annotation", "goes together with --out DIR")
    if not args.bed and not args.out:
        raise UsageError("segment", "nothing to write; give --bed FILE or --annotation with --out")
    if args.bed:
        check_file(args.bed, "--bed")
    if args.out:
        check_folder(args.out)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, args.device)
    _check_model(model, args.checkpoint)
    if not 0 <= args.stage < model.num_stages:
        raise UsageError(
            "--stage",
            f"{args.checkpoint} has stages 0 to {model.num_stages - 1}; got {args.stage}",
        )
    genome = Genome(args.genome)
    records = segment(
        model,
        genome,
        region=args.region,
        context=args.context,
        overlap=args.overlap,
        batch_tokens=args.batch_tokens,
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
        chunks += np.array([len(cuts.positions) for cuts in record.stages])
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
        }
        _write_json(out / "boundaries.json", head | statistics.summary())
        if picture.content is not None:
            _write_json(out / "region.json", picture.content)
    seconds = time.monotonic() - began
    print(
        f"{bases:,} bases in {count} records, {chunks[args.stage]:,} chunks of stage {args.stage}, "
        f"{bases / max(1, chunks[args.stage]):.2f} bases a chunk, {seconds:.1f} s, "
        f"{bases / max(seconds, 1e-9):,.0f} bases/s, peak memory {_peak_memory_mb():,.0f} MB",
        file=sys.stderr,
    )


def _peak_memory_mb() -> float:
    """Peak resident memory of this process (MB); Linux counts KiB, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
