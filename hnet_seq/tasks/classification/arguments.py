"""What a classifier is trained and tested on, as every action of ``classify`` is told it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.tasks.classification.labelled_rows import Columns, GroupRule
from hnet_seq.tasks.classification.labels import PROBLEMS, SEPARATOR
from hnet_seq.tasks.classification.splits import SPLIT_RULES
from hnet_seq.tasks.classification.task import Task, task_from_data, task_from_windows
from hnet_seq.tasks.classification.unused_columns import EVERY, TASK
from hnet_seq.tasks.classification.windows import GUARD, coding_and_intergenic
from modalities.errors import UsageError
from pipelines.table_rows import RowFilter


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
    add_column_arguments(data)
    data.add_argument(
        "--problem",
        choices=PROBLEMS,
        help="what the labels are: classes (default); multi-label, several a row; regression",
    )
    data.add_argument(
        "--label-separator",
        default=SEPARATOR,
        metavar="MARK",
        help="between several labels of a row (%(default)s)",
    )
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
        "--guard", type=int, default=GUARD, help="bases between train and test (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every draw (%(default)s)")


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


def columns_from_arguments(args: argparse.Namespace, group: GroupRule | None = None) -> Columns:
    """What :func:`add_column_arguments` says of the columns and rows."""
    conditions = list(args.where)
    if args.task not in (None, EVERY):
        conditions.append(f"{TASK}={args.task}")
    return Columns(args.sequence_column, args.label, group, RowFilter.parse(conditions))


def task_from_arguments(args: argparse.Namespace) -> Task:
    """The task that :func:`add_task_arguments` describes.

    Raises:
        UsageError: neither labelled sequences nor a genome, or both; or a number that cannot be
            meant.
        InputError: a file or a row of it that cannot be learned from.
    """
    if not 0 <= args.seed < 1 << 32:
        raise UsageError("--seed", f"is {args.seed}; expected 0 to {(1 << 32) - 1}")
    genome_options = (args.genome, args.annotation, args.test_region)
    if args.data:
        if any(genome_options):
            raise UsageError(
                "--data", "has its own sequences; leave --genome, --annotation, --test-region out"
            )
        if not 0 < args.test_fraction < 1:
            raise UsageError("--test-fraction", f"is {args.test_fraction}; expected 0 to 1")
        group = GroupRule.parse(args.group_by) if args.group_by else None
        task = task_from_data(
            args.data,
            columns_from_arguments(args, group),
            rule=args.split,
            test_fraction=args.test_fraction,
            limit_train=args.limit_train,
            seed=args.seed,
            problem=args.problem,
            separator=_separator(args.label_separator),
            every_task=args.task == EVERY,
        )
        for note in task.notes:
            print(f"note: {task.name}: {note}", file=sys.stderr)
        return task
    if not all(genome_options):
        raise UsageError(
            f"classify {args.action}", "give --genome, --annotation and --test-region, or --data"
        )
    for option in ("split", "group_by", "limit_train", "problem", "where", "task"):
        if getattr(args, option):
            raise UsageError(f"--{option.replace('_', '-')}", "goes with --data; leave it out")
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


def _separator(mark: str) -> str:
    if not mark or mark.isspace():
        raise UsageError("--label-separator", f"is {mark!r}; expected a mark such as ; or ,")
    return mark


def task_facts(task: Task, seed: int) -> dict[str, Any]:
    """What ``classification.json`` says about the task."""
    splits = task.splits
    lengths = {len(s) for examples in splits.values() for s in examples.sequences}
    return {
        "task": task.name,
        "classes": task.classes,
        **{f"n_{name}": len(examples.labels) for name, examples in splits.items()},
        **({} if task.problem == "classes" else {"kind": "targets", "problem": task.problem}),
        "n_of_classes": {name: _counts(task, name) for name in splits},
        "test_groups": _groups(task),
        "regions": None,
        # Bases of every sequence; null where lengths differ.
        "window": lengths.pop() if len(lengths) == 1 else None,
        **task.about,
        "seed": seed,
    }


def _groups(task: Task) -> int | None:
    """How many groups of --group-by are tested: intervals take sequences for independent."""
    return None if task.test.groups is None else len(set(task.test.groups))


def describe_task(task: Task) -> str:
    """How many sequences of which class are in which split, one line for each."""
    kinds = {"multi-label": "labels ", "regression": "numbers of "}
    lines = [f"{task.name}: {kinds.get(task.problem, '')}{', '.join(task.classes)}"]
    if "split" in task.about:
        lines.append(f"split: {task.about['split']}")
    for name, examples in task.splits.items():
        line = f"{name}: {len(examples.labels):,} sequences"
        if task.problem == "regression" and examples.targets is not None:
            values = examples.targets
            line += f", {values.min():g} to {values.max():g}, mean {values.mean():.4g}"
        else:
            counts = (f"{count:,} {label}" for label, count in _counts(task, name).items())
            line += f", {', '.join(counts)}"
        lines.append(line)
    return "\n".join(lines)


def _counts(task: Task, split: str) -> dict[str, int]:
    examples = task.splits[split]
    if task.problem == "regression":
        return {task.classes[0]: len(examples.labels)}
    if examples.targets is not None:
        counts = examples.targets.sum(0).astype(np.int64)
    else:
        counts = np.bincount(examples.labels, minlength=len(task.classes))
    return dict(zip(task.classes, counts.tolist(), strict=True))
