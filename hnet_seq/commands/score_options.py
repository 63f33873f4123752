"""Arguments of ``hnet-seq score`` and of its uses."""

from __future__ import annotations

import argparse

from hnet_seq.tasks.arguments import (
    CHECKPOINT,
    add_batch_arguments,
    add_dask_argument,
    add_reading_arguments,
    add_streaming_arguments,
    add_twin_argument,
    positive,
)
from hnet_seq.tasks.choices import (
    BASELINES,
    ON_MISMATCH,
    SCORE_BATCH_TOKENS,
    STOPS,
    STRANDS,
    WINDOW,
)

_REGION = "NAME:START-END, 1-based and inclusive"
_GENES = "GFF3, GTF or GenBank of the genome"
WITHOUT_INPUT = {"mutagenesis": ("REGION", _REGION), "genes": ("GENES", _GENES)}
_COLUMN = "of the table INPUT: numbers"
_INPUTS = {
    "sequences": "FASTA, GenBank, 2bit, BED with --genome, a table with the column sequence, or -",
    "variants": "VCF, BCF, or a table with the columns chrom, pos, ref, alt",
    "measured": "a table with a column of sequences and one of numbers",
}


def add_arguments(parser: argparse.ArgumentParser, use: str | None = None) -> None:
    """Arguments of ``hnet-seq score``, or of one of its uses."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    _add_input(parser, use)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=".tsv instead of standard output; variants also .parquet, .vcf, .vcf.gz; .json beside",
    )
    add_twin_argument(parser)
    parser.add_argument(
        "--strands",
        choices=STRANDS,
        help="average: with the reverse complement (default none for sequences, else average)",
    )
    parser.add_argument(
        "--genome", metavar="GENOME", help="what variants or BED lie on (FASTA, GenBank or 2bit)"
    )
    add_reading_arguments(parser)
    tracks = parser.add_argument_group("tracks of a genome's records (bigWig)")
    tracks.add_argument("--per-base", metavar="FILE", help="bits of each base")
    tracks.add_argument(
        "--difference", metavar="FILE", help="the same less those of a baseline, read on INPUT"
    )
    tracks.add_argument(
        "--baseline",
        choices=BASELINES,
        default=BASELINES[0],
        help="of --difference: order k, or many orders mixed (minutes; default %(default)s)",
    )
    genes = parser.add_argument_group("genes")
    if use is None:
        genes.add_argument("--genes", metavar="GENES", help=_GENES)
    genes.add_argument(
        "--stops",
        type=positive,
        default=STOPS,
        metavar="N",
        help="places along each gene where a codon becomes a stop (%(default)s)",
    )
    genes.add_argument("--stop-codon", metavar="CODON", help="which (all of the genetic code)")
    genes.add_argument(
        "--genetic-code",
        type=positive,
        metavar="N",
        help="of NCBI's, in place of the annotation's transl_table (1 where it has none)",
    )
    variants = parser.add_argument_group("variants, mutagenesis and genes")
    if use is None:
        variants.add_argument("--mutagenesis", metavar="REGION", help=_REGION)
    variants.add_argument("--window", type=int, help=f"bases around a variant ({WINDOW:,})")
    variants.add_argument(
        "--on-mismatch", choices=ON_MISMATCH, help="of rows that do not fit (default error)"
    )
    variants.add_argument(
        "--region",
        metavar="REGION",
        help=f"only variants of {_REGION}, by the index if there is one",
    )
    variants.add_argument(
        "--markov-order", type=int, metavar="K", help="of the baseline (chosen by genome size)"
    )
    measured = parser.add_argument_group("measured effects")
    if use is None:
        measured.add_argument("--measured", metavar="COLUMN", help=_COLUMN)
    measured.add_argument("--sequence-column", metavar="COLUMN", help="(sequence)")
    measured.add_argument(
        "--split",
        metavar="COLUMN",
        help="train, validation and test rows; random (default) or similarity: drawn",
    )
    measured.add_argument("--group", metavar="COLUMN", help="rows kept on one side of the split")
    measured.add_argument(
        "--test-fraction", type=float, help="of the groups, without --split (0.2)"
    )
    measured.add_argument(
        "--flanks", nargs=2, metavar=("LEFT", "RIGHT"), help="letters around every sequence"
    )
    measured.add_argument("--max-rows", type=int, help="of each split, drawn by --seed (all)")
    measured.add_argument("--seed", type=int, help="of draws and folds (0)")
    add_streaming_arguments(parser)
    add_batch_arguments(parser, SCORE_BATCH_TOKENS)
    add_dask_argument(parser)


def _add_input(parser: argparse.ArgumentParser, use: str | None) -> None:
    if use in WITHOUT_INPUT:
        metavar, text = WITHOUT_INPUT[use]
        parser.add_argument(use, metavar=metavar, help=text)
        parser.set_defaults(**{other: None for other in ("input", *WITHOUT_INPUT) if other != use})
        return
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="?" if use is None else None,
        help="sequences or variants; - for standard input" if use is None else _INPUTS[use],
    )
    if use == "measured":
        parser.add_argument("measured", metavar="COLUMN", help=_COLUMN)
    elif use is not None:
        parser.set_defaults(measured=None)
    if use is not None:
        parser.set_defaults(**dict.fromkeys(WITHOUT_INPUT))
