"""``boundaries motifs``: are motifs kept in one chunk more than k-mers, BPE or chance keep them?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from hnet_seq.analysis.byte_pairs import BytePairs
from hnet_seq.analysis.enrichment import CutRecord
from hnet_seq.analysis.motifs import Cutter, fragmentation
from hnet_seq.results.analyses import LearnedPairs, MotifRow, Motifs
from hnet_seq.tasks.boundary_analysis.common import (
    cut_genome,
    facts,
    open_model,
    shown,
)
from hnet_seq.tasks.run_identity import result_name
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import Span, open_spans
from pipelines.storage.files import check_folder

RESULTS = "motifs.json"


def training_stretches(genome: Genome, region: str | None, spans: list[Span]) -> Iterator[Tokens]:
    """What lies outside the region, for a tokeniser to learn from; everything where it is all."""
    for name, length in genome.lengths.items():
        held_out = [(start, end) for record, start, end in spans if record == name]
        if region is None or not held_out:
            yield genome.fetch(name, 0, length)
            continue
        for start, end in held_out:
            yield genome.fetch(name, 0, start)
            yield genome.fetch(name, end, length)


def main(args: argparse.Namespace) -> int:
    """Run the action."""
    out = check_folder(args.out)
    if not args.no_bpe:
        _check_tokenizers()
    model = open_model(args)
    genome, motifs = args.read_motifs  # before torch was imported
    spans = open_spans(genome, args.region)
    records = cut_genome(model, genome, spans, args)
    cutters = [Cutter("the model", [record.mask for record in records])]
    learned = None
    if not args.no_bpe:
        cutter, learned = _byte_pairs(genome, args.region, spans, records)
        cutters.append(cutter)
    found = Motifs(
        **facts(args, model, records),
        file=Path(args.motifs).name,
        byte_pairs=learned,
        **fragmentation(records, motifs, cutters),
    )
    found.write(out / result_name(RESULTS, model))
    print(describe(found))
    return 0


def _check_tokenizers() -> None:
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        raise UsageError(
            "no_bpe",
            "byte pairs need tokenizers: pip install tokenizers (or 'hnet-seq[bpe]'); --no-bpe "
            "leaves them out",
        ) from None


def _byte_pairs(
    genome: Genome, region: str | None, spans: list[Span], records: list[CutRecord]
) -> tuple[Cutter, LearnedPairs]:
    """Tokens as long on average as the model's chunks, and what they were learned from."""
    bases = sum(int(record.counted.sum()) for record in records)
    boundaries = sum(int((record.mask & record.counted).sum()) for record in records)
    wanted = bases / max(boundaries, 1)
    print(f"learning byte pairs of {wanted:.2f} bases a token", file=sys.stderr)
    try:
        learned = BytePairs(training_stretches(genome, region, spans), wanted)
    except ValueError as error:
        raise InputError(genome.path, f"{error}; shorten --region, or give --no-bpe") from None
    about = LearnedPairs(
        merges=learned.merges,
        bases_per_token=learned.mean,
        trained_on=learned.trained_on,
        held_out=region is not None,
    )
    return Cutter("byte pairs", [learned.mask(record.tokens) for record in records]), about


def describe(found: Motifs) -> str:
    """The table of every motif and cutter."""
    lengths = ", ".join(
        f"{cutter.cutter} {shown(cutter.bases_per_chunk, 2, 1)}" for cutter in found.cutters
    )
    lines = [f"bases a chunk: {lengths}; ratio: cuts inside motifs to those at the cutter's rate"]
    for motif in found.motifs:
        if not motif.occurrences:
            lines.append(f"{motif.motif}: does not occur")
            continue
        lines.append(
            f"{motif.motif}: {motif.occurrences:,} occurrences of {motif.length:.1f} bases"
        )
        lines.append(
            f"  {'':14s}{'chunks':>8s}{'95% interval':>17s}{'in one':>9s}{'95% interval':>17s}"
            f"{'ratio':>8s}{'95% interval':>17s}"
        )
        lines += [
            f"  {row.cutter:14s}{shown(row.chunks)}{_interval(row, 'chunks')}"
            f"{shown(row.whole, width=9)}{_interval(row, 'whole')}"
            f"{shown(row.ratio)}{_interval(row, 'ratio')}".rstrip()
            for row in motif.rows
        ]
    return "\n".join(lines)


def _interval(row: MotifRow, key: str) -> str:
    low, high = getattr(row, f"{key}_low"), getattr(row, f"{key}_high")
    return "".rjust(17) if low is None else f"{low:.3f} to {high:.3f}".rjust(17)
