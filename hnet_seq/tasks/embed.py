"""Vectors of sequences: a row for each sequence, each learned chunk, or each base.

Sequences come from FASTA, GenBank, 2bit, BED with its genome, tables, or standard input. A run that
was killed goes on where it stopped when it is started again (docs/embedding.md).
"""

from __future__ import annotations

import argparse

from hnet_seq.heads.pooling import POOLINGS
from hnet_seq.tasks.arguments import (
    add_batch_arguments,
    add_input_arguments,
    add_precision_argument,
    add_streaming_arguments,
)
from hnet_seq.tasks.embedding.layers import LAYERS, LEVELS
from hnet_seq.tasks.embedding.plan import EmbedOptions
from hnet_seq.tasks.embedding.run import run
from hnet_seq.tasks.embedding.vectors import (
    BATCH_TOKENS,
    STRANDS,
    Strands,
    check_modality,
    check_pooling,
    embed,
    embed_poolings,
    modality_of,
    vector_width,
)
from pipelines.table_rows import RowFilter

__all__ = [
    "BATCH_TOKENS",
    "EXAMPLE",
    "STRANDS",
    "Strands",
    "add_arguments",
    "add_embedding_arguments",
    "check_modality",
    "check_pooling",
    "embed",
    "embed_poolings",
    "main",
    "modality_of",
    "vector_width",
]

EXAMPLE = "hnet-seq embed run windows.fa.gz --out vectors.parquet"


def add_embedding_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every verb that embeds."""
    parser.add_argument("--strands", choices=STRANDS, default="none", help="default none")
    parser.add_argument(
        "--stage", type=int, default=-1, help="whose chunks; 0 outermost, -1 innermost (default)"
    )
    add_batch_arguments(parser, BATCH_TOKENS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq embed``."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or run folder")
    parser.add_argument(
        "input",
        metavar="SEQUENCES",
        help="FASTA, GenBank, 2bit, BED, or a CSV, TSV or Parquet table; - for standard input",
    )
    add_input_arguments(parser)
    parser.add_argument(
        "--label", metavar="COLUMN", help="of a table, kept beside the vectors and in the report"
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="vectors.parquet, .npy, .h5ad or .zarr; what was done is written to vectors.json",
    )
    parser.add_argument(
        "--level", choices=LEVELS, default="sequence", help="what a vector is of (%(default)s)"
    )
    parser.add_argument(
        "--pooling", choices=POOLINGS, help="of level sequence; chunks, or bases where none are"
    )
    parser.add_argument(
        "--layer",
        choices=LAYERS,
        help="whose vectors; inner for chunks (default), final for bases (default)",
    )
    add_streaming_arguments(parser)
    add_embedding_arguments(parser)
    add_precision_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    options = EmbedOptions(
        level=args.level,
        pooling=args.pooling,
        layer=args.layer,
        stage=args.stage,
        strands=args.strands,
        batch_tokens=args.batch_tokens,
        cache_limit=args.cache_limit,
        attention_window=args.attention_window,
        label=args.label,
        precision=args.precision,
    )
    run(
        args.checkpoint,
        args.input,
        args.out,
        options,
        genome=args.genome,
        where=RowFilter.parse(args.where),
        blocks=args.blocks,
        device=args.device,
    )
    return 0
