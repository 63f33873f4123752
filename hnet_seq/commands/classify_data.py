"""What ``classify`` learns from and is tested on, and how it trains."""

from __future__ import annotations

import argparse

from hnet_seq.commands.checks import check_there
from hnet_seq.tasks.choices import (
    EVERY,
    PROBES,
    PROBLEMS,
    SEPARATOR,
    SPLIT_RULES,
    WINDOWS_GUARD,
)
from hnet_seq.train.finetune_config import STRANDS, FinetuneConfig, Part
from hnet_seq.train.precision import PRECISIONS
from modalities.errors import UsageError

_DEFAULTS = FinetuneConfig()


def add_task_arguments(parser: argparse.ArgumentParser) -> None:
    """Labelled sequences, or a genome with its annotation; and the seed."""
    data = parser.add_argument_group("labelled sequences")
    data.add_argument(
        "--data",
        "--table",
        metavar="PATH",
        help="CSV, TSV (or .gz) or Parquet with sequence, label and perhaps split; or a folder: "
        "train.csv, dev.csv, test.csv; train*.parquet, test*.parquet; train/CLASS/*.txt",
    )
    add_label_arguments(data)
    data.add_argument(
        "--limit-train", type=int, metavar="N", help="training sequences at most (all)"
    )
    genome = parser.add_argument_group("coding against intergenic windows of a genome")
    genome.add_argument("--genome", metavar="GENOME", help="FASTA, GenBank or 2bit")
    genome.add_argument(
        "--annotation", metavar="GENES", help="GFF3, GTF or GenBank with CDS features"
    )
    genome.add_argument(
        "--test-region",
        metavar="REGION",
        help="NAME:START-END (1-based, inclusive), last:FRACTION or records:NAME,...",
    )
    genome.add_argument("--length", type=int, default=150, help="bases of a window (%(default)s)")
    genome.add_argument(
        "--max-train", type=int, default=1000, help="training windows of a class (%(default)s)"
    )
    genome.add_argument(
        "--max-test", type=int, default=500, help="test windows of a class (%(default)s)"
    )
    genome.add_argument(
        "--guard",
        type=int,
        default=WINDOWS_GUARD,
        help="bases between train and test (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every draw (%(default)s)")


def add_label_arguments(data: argparse._ActionsContainer) -> None:
    """Which columns of labelled sequences mean what, and how they are split."""
    add_column_arguments(data)
    data.add_argument(
        "--problem",
        choices=PROBLEMS,
        help="what the labels are: classes (default); multi-label, several a row; regression",
    )
    add_separator_argument(data)
    data.add_argument(
        "--split",
        choices=SPLIT_RULES,
        help="given (where the data have one), random, or similarity: near duplicates on one side",
    )
    data.add_argument(
        "--group-by",
        metavar="COLUMN[:REGEX]",
        help="rows of one value, or of one first (group) of the expression, stay on one side",
    )
    data.add_argument(
        "--test-fraction", type=float, default=0.2, help="of a drawn split (%(default)s)"
    )


def add_column_arguments(parser: argparse._ActionsContainer) -> None:
    """``--label``, ``--sequence-column``, ``--where`` and ``--task``."""
    parser.add_argument(
        "--label", default="label", metavar="COLUMN", help="with the class (%(default)s)"
    )
    parser.add_argument(
        "--sequence-column", default="sequence", metavar="COLUMN", help="(%(default)s)"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only these rows; again for other columns, or for more values of one",
    )
    parser.add_argument(
        "--task", metavar="NAME", help=f"--where task=NAME; {EVERY} for the rows of every task"
    )


def add_separator_argument(parser: argparse._ActionsContainer) -> None:
    """``--label-separator``."""
    parser.add_argument(
        "--label-separator",
        default=SEPARATOR,
        metavar="MARK",
        help="between several labels of a row (%(default)s)",
    )


def add_twin_option(parser: argparse.ArgumentParser, help: str) -> None:
    """``--twin`` and ``--no-twin``: rows of the untrained twin; None where neither is given."""
    parser.add_argument("--twin", action=argparse.BooleanOptionalAction, help=help)


def add_probe_argument(parser: argparse.ArgumentParser) -> None:
    """``--probe``: what reads the frozen vectors."""
    parser.add_argument(
        "--probe",
        choices=[*PROBES, "all"],
        default="logistic",
        help="on the frozen vectors (%(default)s)",
    )


def _part(text: str) -> Part:
    return int(text) if text.isdecimal() else text  # type: ignore[return-value]


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What learns, how fast, and for how long."""
    training = parser.add_argument_group("training")
    training.add_argument(
        "--part",
        type=_part,
        default=_DEFAULTS.part,
        metavar="PART",
        help="all (default), head, inner (the innermost network) or N innermost stages; "
        "the head always learns",
    )
    training.add_argument(
        "--lora",
        type=int,
        default=_DEFAULTS.lora,
        metavar="RANK",
        help="low-rank matrices learn beside the weights, and model/ is an adapter of some hundred "
        "kB that names the checkpoint by its hash; 0: the weights learn (%(default)s)",
    )
    training.add_argument(
        "--lora-targets",
        default=",".join(_DEFAULTS.lora_targets),
        metavar="LIST",
        help="what is adapted: attention, mamba2, mlp, router (%(default)s)",
    )
    for option, default, kind, text in (
        ("--epochs", _DEFAULTS.epochs, int, "passes over the training split at most"),
        (
            "--learning-rate",
            _DEFAULTS.optimizer.learning_rate,
            float,
            "peak, times a stage's multiplier",
        ),
        ("--head-rate", _DEFAULTS.head_rate, float, "peak, of the head"),
        (
            "--validation-fraction",
            _DEFAULTS.validation_fraction,
            float,
            "of the training split, to stop early by, where no validation split is given",
        ),
        ("--patience", _DEFAULTS.patience, int, "epochs without a lower validation loss"),
        (
            "--micro-batch-tokens",
            _DEFAULTS.micro_batch_tokens,
            int,
            "bases computed at once; gradients are accumulated, and nothing else changes; 0: a "
            "step's",
        ),
        ("--max-chunks", 0, int, "computed at once, of the outermost stage; 0: no bound"),
        (
            "--guard-spike",
            _DEFAULTS.guard.spike,
            float,
            "leave out steps whose gradient is so many times longer than usual; 0: only those "
            "that are not finite",
        ),
        (
            "--guard-stop-after",
            _DEFAULTS.guard.stop_after,
            int,
            "end after so many steps in a row that were left out",
        ),
        (
            "--save-every",
            _DEFAULTS.save_every,
            int,
            "steps between two writings of what a killed run goes on from",
        ),
    ):
        training.add_argument(option, type=kind, default=default, help=f"{text} (%(default)s)")
    training.add_argument(
        "--ratio-weight",
        type=float,
        metavar="WEIGHT",
        help="of the ratio loss, which holds the chunks; default that of pretraining, else 1",
    )
    training.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=_DEFAULTS.precision,
        help="of training and its predictions; bf16 is for GPUs (%(default)s)",
    )
    training.add_argument(
        "--strands",
        choices=STRANDS,
        default=_DEFAULTS.strands,
        help="augment: also learn from reverse complements; average: predict from both strands, "
        "too (default %(default)s)",
    )


def check_task_arguments(args: argparse.Namespace) -> None:
    """Raise where the words of :func:`add_task_arguments` cannot be meant.

    Raises:
        UsageError: neither labelled sequences nor a genome, or both; or a number that cannot be
            meant.
        InputError: a file is not there.
    """
    if not 0 <= args.seed < 1 << 32:
        raise UsageError("seed", f"is {args.seed}; expected 0 to {(1 << 32) - 1}")
    genome_options = (args.genome, args.annotation, args.test_region)
    if args.data:
        if any(genome_options):
            raise UsageError(
                "data", "has its own sequences; leave --genome, --annotation, --test-region out"
            )
        if not 0 < args.test_fraction < 1:
            raise UsageError("test_fraction", f"is {args.test_fraction}; expected 0 to 1")
    else:
        if not all(genome_options):
            raise UsageError("data", "is missing; or give --genome, --annotation and --test-region")
    check_there(args.data, args.genome, args.annotation)
