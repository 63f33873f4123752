"""Turn sequence files into WebDataset shards with a manifest, split into train and validation."""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

import modalities
from modalities.base import Modality, Tokens
from modalities.dna import UNKNOWN, Iupac, check_iupac
from modalities.errors import InputError, UsageError
from pipelines.compression import read_chunks
from pipelines.fasta import read_fasta
from pipelines.manifest import SPLITS, Manifest, Source
from pipelines.shards import (
    BLOCK_SIZE,
    SHARD_SIZE,
    SOFT_MASK_BIT,
    Document,
    ShardWriter,
    cut_unknown,
    new_folder,
)
from pipelines.split import FORMS, Region, plan_split

EXAMPLE = "hnet-seq shard examples/data/ecoli_536/genome.fna.gz --out shards --validation last:0.1"

GUARD = 1000  # bases
UNKNOWN_RUN = 1000  # bases
# One token has no predecessor in its document, so nothing to be predicted from.
_SHORTEST_DOCUMENT = 2


@dataclass(frozen=True)
class _Record:
    name: str
    tokens: Tokens  # (n,) with SOFT_MASK_BIT for lower case, if that is kept
    counts: dict[str, int]


def shard(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    modality: str = "dna",
    validation: str | None = None,
    guard: int = GUARD,
    iupac: Iupac = "unknown",
    unknown_run: int = UNKNOWN_RUN,
    keep_soft_mask: bool = False,
    block_size: int = BLOCK_SIZE,
    shard_size: int = SHARD_SIZE,
    overwrite: bool = False,
    progress: bool = True,
) -> Manifest:
    """Write a folder of shards: complete, or not at all.

    Args:
        inputs: FASTA files (dna), or UTF-8 files of one document each (text); plain, gzip, bgzip.
        out: the folder to make.
        validation: what to hold out, see `pipelines.split.plan_split`; None holds out nothing.
        guard: bases dropped between training and validation of one record.
        iupac: what becomes of ambiguity codes other than N: "unknown" or "error".
        unknown_run: runs of this many unknown bases or more are cut out, and so are shorter ones
            at the ends of what is left.
        keep_soft_mask: keep lower case as bit 7 of each stored token.
        block_size: tokens of a WebDataset sample at most.
        shard_size: tokens of a tar at most.
        overwrite: replace a folder of shards.

    Returns:
        The manifest, with what was counted as ``statistics``.

    Raises:
        InputError: an input that is not what it should be, or of which nothing is left.
        UsageError: options out of range, an unknown record in ``validation``, or ``out`` exists.
    """
    kind = modalities.get(modality)
    check_iupac(iupac)
    if not inputs:
        raise UsageError("inputs", "no files given")
    if keep_soft_mask and modality != "dna":
        raise UsageError("--keep-soft-mask", f"{modality} has no soft-masked letters")
    paths = [Path(path) for path in inputs]
    with new_folder(out, overwrite=overwrite) as folder:
        # Two passes: where validation lies is known only from the lengths of all records.
        lengths = _lengths(paths, kind, iupac, progress)
        plan = plan_split(lengths, validation, guard=guard)
        statistics: Counter[str] = Counter()
        with ExitStack() as stack:
            writers = {
                split: stack.enter_context(
                    ShardWriter(folder, split, block_size=block_size, shard_size=shard_size)
                )
                for split in SPLITS
            }
            bar = stack.enter_context(
                _bar("writing", sum(lengths.values()), "B", progress=progress)
            )
            for path in paths:
                for record in _records(path, kind, iupac, keep_soft_mask):
                    statistics.update(record.counts)
                    regions = plan[record.name]
                    kept = sum(region.end - region.start for region in regions)
                    statistics["dropped_guard"] += len(record.tokens) - kept
                    unknown = UNKNOWN if modality == "dna" else None
                    for region in regions:
                        statistics.update(
                            _write(record, region, writers[region.split], unknown, unknown_run)
                        )
                    bar.update(len(record.tokens))
        manifest = Manifest(
            modality=modality,
            vocab_size=kind.vocab_size,
            vocabulary_fingerprint=kind.fingerprint,
            block_size=block_size,
            soft_mask=keep_soft_mask,
            validation=validation,
            guard=guard,
            unknown_run=unknown_run,
            sources=[_source(path) for path in paths],
            shards=[shard for split in SPLITS for shard in writers[split].shards],
            statistics=dict(sorted(statistics.items())),
        )
        for split in ("train", "validation") if validation else ("train",):
            if not manifest.tokens(split):
                raise InputError(
                    ", ".join(map(str, paths)),
                    f"nothing is left for {split}: {statistics['bases']} bases in "
                    f"{statistics['records']} records, all unknown, guard or too short",
                )
        manifest.save(folder)
    return manifest


def _lengths(paths: list[Path], kind: Modality, iupac: Iupac, progress: bool) -> dict[str, int]:
    lengths: dict[str, int] = {}
    first: dict[str, Path] = {}
    with _bar("reading", None, "B", progress=progress) as bar:
        for path in paths:
            for record in _records(path, kind, iupac, keep_soft_mask=False):
                if record.name in first:
                    raise InputError(
                        path,
                        f"also stands in {first[record.name]}; give each record its own name",
                        where=f"record {record.name}",
                    )
                first[record.name] = path
                lengths[record.name] = len(record.tokens)
                bar.update(len(record.tokens))
    return lengths


def _records(path: Path, kind: Modality, iupac: Iupac, keep_soft_mask: bool) -> Iterator[_Record]:
    if kind.name == "dna":
        for record in read_fasta(path, iupac=iupac):
            tokens = record.tokens
            if keep_soft_mask:
                tokens = tokens | record.soft_mask * np.uint8(SOFT_MASK_BIT)
            yield _Record(record.name, tokens, {"records": 1, **asdict(record.counts)})
    else:
        try:
            tokens = kind.encode(b"".join(read_chunks(path)))
        except InputError as error:
            raise InputError(path, str(error)) if error.path is None else error from None
        yield _Record(path.name, tokens, {"records": 1, "bases": len(tokens)})


def _write(
    record: _Record, region: Region, writer: ShardWriter, unknown: int | None, unknown_run: int
) -> dict[str, int]:
    """Documents of a region to its writer; returns what was dropped of it, in tokens."""
    tokens = record.tokens[region.start : region.end]
    pieces, dropped = [(0, len(tokens))], 0
    if unknown is not None:
        # A soft-masked n is as unknown as an N.
        pieces, dropped = cut_unknown(tokens & ~np.uint8(SOFT_MASK_BIT), unknown, unknown_run)
    short = 0
    for start, end in pieces:
        if end - start < _SHORTEST_DOCUMENT:
            short += end - start
        else:
            writer.add(Document(record.name, region.start + start, tokens[start:end]))
    return {"dropped_unknown": dropped, "dropped_short": short}


def _source(path: Path) -> Source:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(path.name, digest, path.stat().st_size)


def _bar(label: str, total: int | None, unit: str, *, progress: bool) -> tqdm:
    # disable=None: no bar where standard error is not a terminal.
    return tqdm(
        total=total,
        desc=label,
        unit=unit,
        unit_scale=True,
        disable=None if progress else True,
        leave=False,
    )


def summary(manifest: Manifest) -> str:
    """What was read, dropped and written, as a table."""
    counts = Counter(manifest.statistics)
    unit = "bases" if manifest.modality == "dna" else "bytes"
    total = max(1, counts["bases"])
    rows = [("records", f"{counts['records']:,}", "")]
    rows.append((unit, f"{counts['bases']:,}", ""))
    if manifest.modality == "dna":
        known = max(1, counts["bases"] - counts["unknown"] - counts["iupac"])
        rows.append(("  G + C", f"{counts['gc']:,}", f"{counts['gc'] / known:.2%} of known"))
        for name, key in (
            ("N", "unknown"),
            ("other ambiguity codes", "iupac"),
            ("lower case", "soft_masked"),
        ):
            rows.append((f"  {name}", f"{counts[key]:,}", f"{counts[key] / total:.2%}"))
    for name, key in (
        ("in runs of unknown", "dropped_unknown"),
        ("guard", "dropped_guard"),
        ("too short", "dropped_short"),
    ):
        if counts[key]:
            rows.append((f"dropped: {name}", f"{counts[key]:,}", f"{counts[key] / total:.2%}"))
    for split in SPLITS:
        if manifest.tokens(split):
            shards = manifest.of(split)
            blocks = sum(len(shard.blocks) for shard in shards)
            detail = f"{manifest.documents(split):,} documents, {blocks:,} blocks, "
            detail += f"{len(shards):,} shards"
            rows.append((f"{split}: tokens", f"{manifest.tokens(split):,}", detail))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {detail}".rstrip()
        for name, value, detail in rows
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq shard``."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="FASTA, plain, gzip or bgzip")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to make")
    parser.add_argument("--modality", choices=sorted(modalities.MODALITIES), default="dna")
    parser.add_argument("--validation", metavar="SPEC", help=f"what to hold out: {FORMS}")
    parser.add_argument(
        "--guard",
        type=int,
        default=GUARD,
        metavar="BASES",
        help="dropped between training and validation (%(default)s)",
    )
    parser.add_argument(
        "--iupac",
        choices=("unknown", "error"),
        default="unknown",
        help="what becomes of ambiguity codes other than N (%(default)s)",
    )
    parser.add_argument(
        "--unknown-run",
        type=int,
        default=UNKNOWN_RUN,
        metavar="BASES",
        help="runs of unknown bases at least this long are cut out (%(default)s)",
    )
    parser.add_argument(
        "--keep-soft-mask", action="store_true", help="keep lower case, to weight the loss by it"
    )
    parser.add_argument(
        "--block-size",
        type=int,
        default=BLOCK_SIZE,
        metavar="TOKENS",
        help="a WebDataset sample at most (%(default)s)",
    )
    parser.add_argument(
        "--shard-size",
        type=int,
        default=SHARD_SIZE,
        metavar="TOKENS",
        help="a tar at most (%(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace shards at --out")


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    manifest = shard(
        args.inputs,
        args.out,
        modality=args.modality,
        validation=args.validation,
        guard=args.guard,
        iupac=args.iupac,
        unknown_run=args.unknown_run,
        keep_soft_mask=args.keep_soft_mask,
        block_size=args.block_size,
        shard_size=args.shard_size,
        overwrite=args.overwrite,
    )
    print(summary(manifest))
    return 0
