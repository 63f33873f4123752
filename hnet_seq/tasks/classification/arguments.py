"""What a classifier is trained and tested on, as every action of ``classify`` is told it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks.classification.labelled_rows import Columns, GroupRule
from hnet_seq.tasks.classification.task import Task, task_from_data, task_from_windows
from hnet_seq.tasks.classification.unused_columns import EVERY, TASK
from hnet_seq.tasks.classification.windows import coding_and_intergenic
from modalities.errors import UsageError
from pipelines.formats.table_rows import RowFilter

if TYPE_CHECKING:  # a table is read, and found wrong, before torch is imported
    from hnet_seq.model.language_model import HNetLanguageModel

DEFAULT_PROBE = "logistic"


def columns_from_arguments(args: argparse.Namespace, group: GroupRule | None = None) -> Columns:
    """What ``hnet_seq.commands.classify_data.add_column_arguments`` says of columns and rows."""
    conditions = list(args.where)
    if args.task not in (None, EVERY):
        conditions.append(f"{TASK}={args.task}")
    return Columns(args.sequence_column, args.label, group, RowFilter.parse(conditions))


def task_from_arguments(args: argparse.Namespace) -> Task:
    """The task that :func:`add_task_arguments` describes.

    Raises:
        InputError: a file or a row of it that cannot be learned from.
    """
    if args.data:
        group = GroupRule.parse(args.group_by) if args.group_by else None
        task = task_from_data(
            args.data,
            columns_from_arguments(args, group),
            rule=args.split,
            test_fraction=args.test_fraction,
            limit_train=args.limit_train,
            seed=args.seed,
            problem=args.problem,
            separator=separator_from_arguments(args),
            every_task=args.task == EVERY,
        )
        if task.origin.split == "given":
            check_meant(args, f"{args.data} says which rows test", of="data with a split")
        for note in task.notes:
            print(f"note: {task.name}: {note}", file=sys.stderr)
        return task
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


def check_probes(problem: str, kinds: list[str]) -> None:
    """Raise UsageError for probes that cannot learn numbers."""
    if problem == "regression" and kinds != [DEFAULT_PROBE]:
        raise UsageError(
            "--probe", "numbers are learned by ridge regression, and no other; leave it out"
        )


def open_twin(args: argparse.Namespace) -> HNetLanguageModel | None:
    """The untrained twin of the checkpoint, unless ``--no-twin`` leaves it out."""
    from hnet_seq.model.auto import load_pretrained

    return None if args.twin is False else load_pretrained(args.checkpoint, args.device, twin=True)


def separator_from_arguments(args: argparse.Namespace) -> str:
    """``--label-separator``; UsageError for one that cannot be seen."""
    mark: str = args.label_separator
    if not mark or mark.isspace():
        raise UsageError("label_separator", f"is {mark!r}; expected a mark such as ; or ,")
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
