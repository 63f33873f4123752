"""Vectors of sequences: a row for each sequence, each learned chunk, or each base.

Sequences come from FASTA, GenBank, 2bit, BED with its genome, tables, or standard input. A run that
was killed goes on where it stopped when it is started again (docs/embedding.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.checks import (
    check_checkpoint,
    check_outputs,
    check_sequences,
    check_suffix,
    check_there,
    modality_here,
    shape_here,
)
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.heads.names import CHUNK_POOLINGS, POOLINGS
from hnet_seq.tasks.arguments import (
    CHECKPOINT,
    add_batch_arguments,
    add_dask_argument,
    add_input_arguments,
    add_precision_argument,
    add_streaming_arguments,
    add_twin_argument,
)
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS, LAYERS, LEVELS, STRANDS, VECTOR_FORMATS
from hnet_seq.tasks.embedding.layer_choice import choose_layer
from pipelines.storage.files import check_file

EXAMPLE = "hnet-seq embed run windows.fa.gz --out vectors.parquet"
# What SEQUENCES is, which blocks, genome, label and where go by, is asked when they are read.
MEANT = {
    "": {
        "": "twin genome blocks haplotypes samples where label out level layer attention_window "
        "cache_limit strands batch_tokens device dask precision",
        "level=sequence": "pooling",
        "vectors=chunks|the encoder|the decoder": "stage",
    }
}

_OF_BASES = set(POOLINGS) - set(CHUNK_POOLINGS)
_LAYERS = {
    "final": "bases",
    "inner": "chunks",
    "encoder": "the encoder",
    "decoder": "the decoder",
    "innermost": "the innermost network",
}


def add_embedding_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every verb that embeds."""
    parser.add_argument("--strands", choices=STRANDS, default="none", help="default none")
    parser.add_argument(
        "--stage", type=int, default=-1, help="whose chunks; 0 outermost, -1 innermost (default)"
    )
    add_batch_arguments(parser, EMBED_BATCH_TOKENS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq embed``."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
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
    add_twin_argument(parser)
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
    add_dask_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    if Path(args.out).suffix != ".zarr":
        check_file(args.out)
    check_suffix(args.out, VECTOR_FORMATS)
    vectors = _vectors(args)
    check_meant(args, f"these are vectors of {vectors}", vectors=vectors)
    check_checkpoint(args.checkpoint)
    check_there(args.input, args.genome, args.haplotypes)
    check_outputs({"out": args.out}, args.input, args.genome, args.haplotypes)
    if shape := shape_here(args.checkpoint):
        choose_layer(
            shape,
            args.level,
            pooling=args.pooling,
            stage=args.stage,
            layer=args.layer,
            strands=args.strands,
        )
    check_sequences(args.input, modality_here(args.checkpoint), args, args.label)
    return later("hnet_seq.tasks.embed")(args)


def _vectors(args: argparse.Namespace) -> str:
    """What has the vectors that are asked for."""
    by_chunk = args.level == "chunk" or (args.level == "sequence" and args.pooling not in _OF_BASES)
    layer = args.layer or ("inner" if by_chunk else "final")
    return _LAYERS[layer]
