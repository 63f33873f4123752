"""Options of ``hnet-seq shard``."""

from __future__ import annotations

import argparse
import os
from typing import Any, get_args

import modalities
from hnet_seq.tasks.arguments import add_dask_argument
from hnet_seq.tasks.sharding.options import (
    GUARD,
    MIN_DISTANCE,
    NEAR_DISTANCE,
    BrokenGenomes,
)
from pipelines.corpus import corpus_split
from pipelines.documents import DocumentOptions
from pipelines.documents.options import Duplicates
from pipelines.shards import document_split, split
from pipelines.shards.unknown_runs import UNKNOWN_RUN
from pipelines.shards.writer import BLOCK_SIZE, SHARD_SIZE


def add_arguments(parser: argparse.ArgumentParser, use: str | None = None) -> None:
    """Add all of them, with what INPUT is in this use."""
    if use in ("check", "peek"):
        parser.add_argument("inputs", nargs=1, metavar="DIR", help="folder of shards, or its URL")
    else:
        parser.add_argument(
            "inputs",
            nargs="+",
            metavar="INPUT",
            help="FASTA, GenBank or 2bit, plain, gzip or bgzip; genomes by the thousand: folders, "
            "lists of paths (.txt, .tsv), packages of NCBI Datasets (.zip); text: files, folders, "
            ".jsonl, .parquet, .tar",
        )
    parser.add_argument("--out", metavar="DIR", help="folder to make")
    parser.add_argument("--modality", choices=sorted(modalities.MODALITIES), default="dna")
    parser.add_argument(
        "--validation",
        metavar="SPEC",
        help=f"what to hold out. DNA: {split.FORMS}. Folders, lists and packages of genomes: "
        f"{corpus_split.FORMS}. Text, code: {document_split.FORMS}",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (%(default)s); the shards do not depend on it",
    )
    add_dask_argument(parser)
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
    parser.add_argument(
        "--count", type=int, default=3, metavar="N", help="peek: documents of each split and label"
    )
    parser.add_argument(
        "--duplicates",
        choices=(*get_args(Duplicates), "weigh"),
        help="records, genomes or documents that are dropped but for the first; DNA: on either "
        "strand; weigh: genomes are kept, and near copies count as one "
        "(DNA: keep, text and code: exact)",
    )
    parser.add_argument(
        "--similarity",
        type=float,
        default=DocumentOptions().similarity,
        help="Jaccard similarity of near duplicates, of words of 21 bases or of five tokens "
        "(%(default)s)",
    )
    _add_dna(parser.add_argument_group("DNA"))
    _add_documents(parser.add_argument_group("text and code"))


def _add_dna(group: Any) -> None:
    group.add_argument(
        "--guard",
        type=int,
        default=GUARD,
        metavar="BASES",
        help="dropped between training and validation (%(default)s)",
    )
    group.add_argument(
        "--iupac",
        choices=("unknown", "error"),
        default="unknown",
        help="what becomes of ambiguity codes other than N (%(default)s)",
    )
    group.add_argument(
        "--unknown-run",
        type=int,
        default=UNKNOWN_RUN,
        metavar="BASES",
        help="runs of unknown bases at least this long are cut out (%(default)s)",
    )
    group.add_argument(
        "--regions",
        metavar="FILE",
        help="BED, GFF, GTF or GenBank: keep what lies in its intervals",
    )
    group.add_argument(
        "--features", metavar="TYPE,...", default="", help="types of features: gene, CDS, ..."
    )
    group.add_argument(
        "--flank", type=int, default=0, metavar="BASES", help="kept beside each interval"
    )
    group.add_argument(
        "--near-distance",
        type=float,
        default=NEAR_DISTANCE,
        metavar="D",
        help="genomes of a folder, list or package up to so many substitutions a base apart are "
        "near-identical (%(default)s)",
    )
    group.add_argument(
        "--min-distance",
        type=float,
        default=MIN_DISTANCE,
        metavar="D",
        help="similarity: genomes nearer than this stay on one side (%(default)s)",
    )
    group.add_argument(
        "--broken-genomes",
        choices=get_args(BrokenGenomes),
        default="error",
        help="genomes that cannot be read (%(default)s); drop: the manifest names them",
    )
    group.add_argument(
        "--label-regions",
        action="store_true",
        help="keep everything, labelled inside or outside, for a mixture to weigh",
    )
    group.add_argument(
        "--keep-soft-mask", action="store_true", help="keep lower case, to weight the loss by it"
    )


def _add_documents(group: Any) -> None:
    default = DocumentOptions()
    choices: list[tuple[str, tuple[str, ...], str]] = [
        ("invalid-utf8", ("error", "replace", "drop"), "what becomes of bytes that are no text"),
        ("broken-lines", ("error", "drop"), "what becomes of lines or samples without a text"),
        ("line-ends", ("keep", "lf"), "CRLF stays, or becomes LF"),
    ]
    for name, values, text in choices:
        group.add_argument(
            f"--{name}",
            choices=values,
            default=getattr(default, name.replace("-", "_")),
            help=f"{text} (%(default)s)",
        )
    group.add_argument(
        "--text-field", default=default.text_field, help="field or column (%(default)s)"
    )
    lists = [
        ("languages", "keep these only"),
        ("exclude-languages", "drop these"),
        ("licenses", "keep documents under these SPDX licences only"),
    ]
    for name, text in lists:
        group.add_argument(f"--{name}", metavar="NAME,...", default="", help=text)
    group.add_argument(
        "--min-bytes", type=int, default=default.min_bytes, help="drop shorter (%(default)s)"
    )
    group.add_argument("--max-bytes", type=int, help="drop longer")
    group.add_argument(
        "--mean-line",
        type=int,
        default=default.mean_line,
        metavar="BYTES",
        help="code with longer lines on average is minified (%(default)s)",
    )
    group.add_argument(
        "--longest-line",
        type=int,
        default=default.longest_line,
        metavar="BYTES",
        help="code with a longer line is minified (%(default)s)",
    )
    group.add_argument("--keep-generated", action="store_true", help="code that programs wrote")
    group.add_argument("--keep-minified", action="store_true", help="code without line breaks")
    group.add_argument(
        "--header", action="store_true", help="begin each document with its path and language"
    )


def options_from(args: argparse.Namespace) -> dict[str, Any]:
    """Options of :class:`hnet_seq.tasks.shard.ShardOptions` out of the arguments."""
    names = (
        *("modality", "validation", "guard", "iupac", "unknown_run", "keep_soft_mask"),
        *("regions", "flank", "label_regions", "block_size", "shard_size"),
    )
    chosen = {name: getattr(args, name) for name in names}
    chosen["features"] = tuple(filter(None, args.features.split(",")))
    duplicates = {"similarity": args.similarity}
    if args.duplicates is not None:
        duplicates["duplicates"] = args.duplicates
    if args.modality not in ("text", "code"):
        chosen |= duplicates
        for name in ("near_distance", "min_distance", "broken_genomes"):
            chosen[name] = getattr(args, name)
    else:
        values: dict[str, Any] = {
            name: tuple(filter(None, getattr(args, name).split(",")))
            for name in ("languages", "exclude_languages", "licenses")
        }
        plain = (
            *("invalid_utf8", "broken_lines", "line_ends"),
            *("text_field", "min_bytes", "max_bytes", "mean_line", "longest_line"),
            *("keep_generated", "keep_minified", "header"),
        )
        values |= duplicates | {name: getattr(args, name) for name in plain}
        chosen["documents"] = DocumentOptions(modality=args.modality, **values)
    return chosen
