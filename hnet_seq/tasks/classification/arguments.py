"""What a classifier is trained and tested on, as every action of ``classify`` is told it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.tasks.classification.labelled_rows import Columns, GroupRule
from hnet_seq.tasks.classification.task import Task, task_from_data, task_from_windows
from hnet_seq.tasks.classification.windows import coding_and_intergenic


def task_from_arguments(args: argparse.Namespace) -> Task:
    """The task that :func:`add_task_arguments` describes.

    Raises:
        InputError: a file or a row of it that cannot be learned from.
    """
    if args.data:
        group = GroupRule.parse(args.group_by) if args.group_by else None
        return task_from_data(
            args.data,
            Columns(args.sequence_column, args.label, group),
            rule=args.split,
            test_fraction=args.test_fraction,
            limit_train=args.limit_train,
            seed=args.seed,
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
    splits = task.splits
    lengths = {len(s) for examples in splits.values() for s in examples.sequences}
    return {
        "task": task.name,
        "classes": task.classes,
        **{f"n_{name}": len(examples.labels) for name, examples in splits.items()},
        "n_of_classes": {name: _counts(task, name) for name in splits},
        "regions": None,
        # Bases of every sequence; null where lengths differ.
        "window": lengths.pop() if len(lengths) == 1 else None,
        **task.about,
        "seed": seed,
    }


def describe_task(task: Task) -> str:
    """How many sequences of which class are in which split, one line for each."""
    lines = [f"{task.name}: {', '.join(task.classes)}"]
    if "split" in task.about:
        lines.append(f"split: {task.about['split']}")
    for name, examples in task.splits.items():
        counts = (f"{count:,} {label}" for label, count in _counts(task, name).items())
        lines.append(f"{name}: {len(examples.labels):,} sequences, {', '.join(counts)}")
    return "\n".join(lines)


def _counts(task: Task, split: str) -> dict[str, int]:
    counts = np.bincount(task.splits[split].labels, minlength=len(task.classes))
    return dict(zip(task.classes, counts.tolist(), strict=True))
