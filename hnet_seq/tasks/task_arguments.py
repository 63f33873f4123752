"""What a classifier is trained and tested on, as every action of ``classify`` is told it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hnet_seq.tasks.classification import Task, task_from_table, task_from_windows
from hnet_seq.tasks.windows import GUARD, coding_and_intergenic
from modalities.errors import UsageError


def add_task_arguments(parser: argparse.ArgumentParser) -> None:
    """A table of labelled sequences, or a genome with its annotation; and the seed."""
    genome = parser.add_argument_group("coding against intergenic windows of a genome")
    genome.add_argument("--genome", metavar="FASTA", help="plain, gzip or bgzip")
    genome.add_argument("--annotation", metavar="GFF", help="GFF3 with CDS features")
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
        "--guard", type=int, default=GUARD, help="bases between train and test (%(default)s)"
    )
    table = parser.add_argument_group("a table of labelled sequences")
    table.add_argument("--table", metavar="CSV", help="sequence,label[,split]; CSV or TSV, or .gz")
    table.add_argument(
        "--test-fraction", type=float, default=0.2, help="without a split column (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every draw (%(default)s)")


def task_from_arguments(args: argparse.Namespace) -> Task:
    """The task that :func:`add_task_arguments` describes.

    Raises:
        UsageError: neither a table nor a genome, or both; or a number that cannot be meant.
        InputError: a file or a row of it that cannot be learned from.
    """
    if not 0 <= args.seed < 1 << 32:
        raise UsageError("--seed", f"is {args.seed}; expected 0 to {(1 << 32) - 1}")
    genome_options = (args.genome, args.annotation, args.test_region)
    if args.table:
        if any(genome_options):
            raise UsageError(
                "--table", "has its own sequences; leave --genome, --annotation, --test-region out"
            )
        if not 0 < args.test_fraction < 1:
            raise UsageError("--test-fraction", f"is {args.test_fraction}; expected 0 to 1")
        return task_from_table(args.table, test_fraction=args.test_fraction, seed=args.seed)
    if not all(genome_options):
        raise UsageError(
            f"classify {args.action}", "give --genome, --annotation and --test-region, or --table"
        )
    windows = coding_and_intergenic(
        args.genome,
        args.annotation,
        test_region=args.test_region,
        length=args.length,
        max_train=args.max_train,
        max_test=args.max_test,
        guard=args.guard,
        seed=args.seed,
    )
    for split, found in windows.found.items():
        counts = ", ".join(f"{count:,} {label}" for label, count in found.items())
        print(f"{split}: {counts} windows of {args.length} bases found", file=sys.stderr)
    about = {
        "genome": Path(args.genome).name,
        "annotation": Path(args.annotation).name,
        "window": args.length,
        "guard": args.guard,
    }
    return task_from_windows(windows, about)


def task_facts(task: Task, seed: int) -> dict[str, Any]:
    """What ``classification.json`` says about the task."""
    lengths = {len(s) for examples in (task.train, task.test) for s in examples.sequences}
    return {
        "task": task.name,
        "classes": task.classes,
        "n_train": len(task.train.labels),
        "n_test": len(task.test.labels),
        "regions": None,
        # Bases of every sequence; null where lengths differ.
        "window": lengths.pop() if len(lengths) == 1 else None,
        **task.about,
        "seed": seed,
    }
