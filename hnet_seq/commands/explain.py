"""Which bases of a region depend on which, and what each base and chunk adds, beside controls.

A dependency map: for each base, substituted by the other three letters, the largest change of the
log-odds at each other one; beside the maps of shuffled sequence, of the untrained twin and of a
Markov model, with how far it is above them. Gradient times input, integrated gradients and
mutagenesis by base; what lies behind a chunk without it, and with its letters shuffled, for every
stage. --pairs compares annotated pairs, such as a stem's, with others as far apart. --out gets
tables, pictures and explanation.json, which `hnet-seq report` draws.

Guide: docs/explain.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.checks import (
    check_at_least,
    check_checkpoint,
    check_dna_model,
    check_outputs,
    check_region,
    check_seed,
    check_there,
    is_small,
    shape_here,
)
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks.arguments import CHECKPOINT, add_batch_arguments
from hnet_seq.tasks.choices import (
    EXPLAIN_BASELINES,
    EXPLAIN_SHUFFLES,
    EXPLAIN_STEPS,
    SCORE_BATCH_TOKENS,
    STRANDS,
    WINDOW,
)
from pipelines.storage.files import check_folder

EXAMPLE = (
    "hnet-seq explain genomes-tiny genome.fna.gz --region chr1:1001-1300 --pairs stems.bedpe "
    "--out map"
)

MEANT = {
    "": {
        "": "region out window pairs shuffles no_twin markov_order seed batch_tokens device",
        "of=a causal model": "strands baselines steps bigwig",
        "baselines!=0": "steps",
    }
}

TRACKS = ("gradient", "integrated", "mutagenesis")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq explain``."""
    parser.add_argument("checkpoint", metavar="RUN", help=CHECKPOINT)
    parser.add_argument("genome", metavar="GENOME", help="FASTA, GenBank or 2bit")
    parser.add_argument(
        "--region",
        required=True,
        metavar="NAME[:START-END]",
        help="1-based, inclusive; at most 1,000 bases",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for what is written")
    parser.add_argument(
        "--window",
        type=int,
        default=WINDOW,
        metavar="BASES",
        help="that the model reads, the region in their middle (%(default)s)",
    )
    parser.add_argument(
        "--strands",
        choices=STRANDS,
        default="average",
        help="none: not the reverse complement, so half of a causal model's map (%(default)s)",
    )
    parser.add_argument(
        "--pairs",
        metavar="BEDPE",
        help="stretches whose bases pair, by name: end to end on opposite strands, else all",
    )
    controls = parser.add_argument_group("controls")
    controls.add_argument(
        "--shuffles",
        type=int,
        default=EXPLAIN_SHUFFLES,
        metavar="N",
        help="sequences with the same dinucleotides (%(default)s)",
    )
    controls.add_argument("--no-twin", action="store_true", help="leave the untrained twin out")
    controls.add_argument(
        "--markov-order", type=int, metavar="K", help="of the baseline (chosen by genome size)"
    )
    bases = parser.add_argument_group("attributions")
    bases.add_argument(
        "--baselines",
        type=int,
        default=EXPLAIN_BASELINES,
        metavar="N",
        help="of integrated gradients, shuffled regions; 0: none (%(default)s)",
    )
    bases.add_argument(
        "--steps",
        type=int,
        default=EXPLAIN_STEPS,
        metavar="N",
        help="on the way from each baseline (%(default)s)",
    )
    bases.add_argument(
        "--bigwig", action="store_true", help="also as tracks of the genome (extra: tracks)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every draw (%(default)s)")
    add_batch_arguments(parser, SCORE_BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    check_folder(args.out)
    check_checkpoint(args.checkpoint)
    check_there(args.genome, args.pairs)
    check_seed(args.seed)
    check_at_least(0, shuffles=args.shuffles, baselines=args.baselines)
    check_at_least(1, steps=args.steps)
    check_at_least(2, window=args.window)
    check_dna_model(args.checkpoint)
    from hnet_seq.tasks.scoring.genome_markov import check_order

    check_order(args.markov_order)
    shape = shape_here(args.checkpoint)
    causal = shape is None or not shape.bidirectional
    if shape is not None:
        check_kind(args, causal=causal)
    check_outputs({"out": files_of(args, causal=causal)}, args.genome, args.pairs)
    check_region(args.genome, args.region)
    if args.pairs and is_small(args.pairs):
        from hnet_seq.tasks.explaining.pairs import check_pairs

        check_pairs(args.pairs)
    return later("hnet_seq.tasks.explain")(args)


def check_kind(args: argparse.Namespace, *, causal: bool) -> None:
    """Raise UsageError for an option that means nothing of the model, once it is known."""
    kind = "causal" if causal else "masked"
    said = f"{args.checkpoint} is a masked model, which has one reading and no log-likelihood"
    check_meant(args, said, of=f"a {kind} model")


def files_of(args: argparse.Namespace, *, causal: bool) -> list[Path]:
    """What is written to --out; the record first."""
    names = ["explanation.json", "dependencies.tsv", "map.png", "map.svg"]
    if causal:
        names += ["bases.tsv", "chunks.tsv"]
    if args.bigwig:
        names += [f"{track}.bw" for track in TRACKS if track != "integrated" or args.baselines]
    return [Path(args.out) / name for name in names]
