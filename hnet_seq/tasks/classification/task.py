"""A classification task: what to learn from, what to stop by, and what to be tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.task import Examples, Origin
from hnet_seq.tasks.choices import PROBLEMS, SPLIT_RULES
from hnet_seq.tasks.classification.labelled_data import read_labelled
from hnet_seq.tasks.classification.labelled_rows import Columns, Row
from hnet_seq.tasks.classification.labels import SEPARATOR, Labels, Problem, read_labels
from hnet_seq.tasks.classification.splits import Assignment, SplitRule, assign
from hnet_seq.tasks.classification.unused_columns import look_at_columns
from hnet_seq.tasks.classification.windows import LabelledWindows, Window
from modalities import dna
from modalities.errors import InputError, UsageError
from modalities.given_paths import given_path


@dataclass(frozen=True)
class Task:
    """What to learn from, and what to be tested on.

    Attributes:
        name: what ``classification.json`` calls it.
        classes: sorted names; class number i is ``classes[i]``, on every machine. Of several labels
            a row their names; of numbers the one name of their column.
        validation: given to stop training early by; None where none is given.
        about: where the sequences come from, for ``classification.json``.
        origin: the same for the audit's remedies.
        problem: what is learned.
        sets: what the numbers in ``labels`` of the examples mean; None for the classes.
        notes: about the labels and columns, for the user.
        middle: what is learned is the class of the base in the middle of each sequence, whose own
            vector is probed, and sequences are what lies around.
    """

    name: str
    classes: list[str]
    train: Examples
    test: Examples
    validation: Examples | None
    about: dict[str, Any]
    origin: Origin
    problem: Problem = "classes"
    sets: list[str] | None = None
    notes: tuple[str, ...] = ()
    middle: bool = False

    @property
    def splits(self) -> dict[str, Examples]:
        """Those that there are, by name."""
        found = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: examples for name, examples in found.items() if examples is not None}

    def fingerprint(self) -> str:
        """sha256 over everything that a classifier can learn from or be tested on."""
        digest = hashlib.sha256(repr(self.classes).encode() + b"middle" * self.middle)
        for name, examples in self.splits.items():
            digest.update(f"{name} {len(examples.labels)} {examples.together}".encode())
            digest.update(examples.labels.tobytes())
            if examples.targets is not None:
                digest.update(examples.targets.tobytes())
            for sequence in examples.sequences:
                digest.update(f"{len(sequence)}\n".encode() + sequence.tobytes())
        return digest.hexdigest()


def task_from_data(
    path: str | Path,
    columns: Columns | None = None,
    *,
    rule: SplitRule | None = None,
    test_fraction: float = 0.2,
    limit_train: int | None = None,
    seed: int = 0,
    problem: Problem | None = None,
    separator: str = SEPARATOR,
    every_task: bool = False,
) -> Task:
    """A task from labelled sequences in any layout of ``labelled_data``.

    Args:
        columns: which columns mean what, and what a split keeps together.
        rule, test_fraction: of the split, see :func:`hnet_seq.tasks.classification.splits.assign`.
        limit_train: training sequences at most, in the shares of the classes.
        seed: of every draw.
        problem, separator: see :func:`hnet_seq.tasks.classification.labels.read_labels`.
        every_task: rows of several tasks, in a column ``task``, are learned as one.

    Raises:
        InputError: a row is wrong, rows are of several tasks, there is one class only, a class of
            the test split is not in train, or a split is empty.
        UsageError: no such ``rule`` or ``problem``.
    """
    path = given_path(path, "path")
    check_choice("rule", rule, SPLIT_RULES)
    check_choice("problem", problem, PROBLEMS)
    columns = replace(columns or Columns(), empty_labels=problem == "multi-label")
    notes = look_at_columns(path, columns, every_task=every_task)
    rows = read_labelled(path, columns)
    what = read_labels(path, rows, columns.label, problem, separator)
    # Of classes each side needs some; of sets of labels and of numbers it need not.
    of_classes = what.problem == "classes"
    needed = what.numbers if of_classes else np.zeros(len(rows), np.int64)
    classes = what.names if of_classes else ["any"]
    found = assign(
        path,
        rows,
        needed,
        classes,
        strata=None if of_classes else what.strata,
        rule=rule,
        test_fraction=test_fraction,
        seed=seed,
    )
    train = np.flatnonzero(found.split == "train")
    if limit_train is not None:
        train = train[_limited(needed[train], classes, limit_train, seed)]
    validation = np.flatnonzero(found.split == "validation")
    about: dict[str, Any] = {"table": Path(path).name, "split": found.about}
    if columns.where.values:
        about["rows"] = f"{columns.where}"
    columns_of_ids = {row.id_column for row in rows}
    id_column = columns_of_ids.pop() if len(columns_of_ids) == 1 else None
    return Task(
        Path(path).name,
        what.names,
        _examples(rows, what, found, train),
        _examples(rows, what, found, np.flatnonzero(found.split == "test")),
        _examples(rows, what, found, validation) if len(validation) else None,
        about,
        Origin(found.kind, id_column),
        what.problem,
        what.sets,
        (*notes, *what.notes),
    )


def check_choice(parameter: str, value: str | None, known: Sequence[str]) -> None:
    """Raise UsageError for what is none of these, nor left to the data with None."""
    if value is not None and value not in known:
        raise UsageError(parameter, f"is {value!r}; expected {', '.join(known)}")


def _limited(
    labels: NDArray[np.int64], classes: Sequence[str], limit: int, seed: int
) -> NDArray[np.int64]:
    """Sorted places of ``limit`` items, in the shares of their classes."""
    if limit < 1:
        raise UsageError("limit_train", f"is {limit}; expected 1 or more")
    count = len(labels)
    order = np.random.default_rng(seed).permutation(count)
    order = order[np.argsort(labels[order], kind="stable")]
    steps = np.arange(count + 1) * min(limit, count) // count
    kept = np.sort(order[np.diff(steps) > 0])
    missing = sorted(set(labels.tolist()) - set(labels[kept].tolist()))
    if missing:
        raise UsageError(
            "limit_train", f"{limit} leaves no sequence of {classes[missing[0]]!r}; raise it"
        )
    return kept


def _examples(
    rows: Sequence[Row], what: Labels, found: Assignment, members: NDArray[np.int64]
) -> Examples:
    picked = [rows[index] for index in members]
    ids = [row.id for row in picked if row.id is not None]
    groups = [row.group for row in picked if row.group is not None]
    return Examples(
        [row.tokens for row in picked],
        what.numbers[members],
        [row.place for row in picked],
        ids if len(ids) == len(picked) else None,
        groups if len(groups) == len(picked) else None,
        lower_case=np.array([row.lower_case for row in picked]),
        unknown=np.array([row.unknown for row in picked]),
        ambiguous=np.array([row.ambiguous for row in picked]),
        together=[found.together[index] for index in members],
        targets=None if what.targets is None else what.targets[members],
    )


def task_from_windows(windows: LabelledWindows, about: dict[str, Any]) -> Task:
    """Coding against intergenic windows as a task."""
    classes = sorted({window.label for window in windows.train})

    def examples(members: list[Window]) -> Examples:
        # Windows with unknown bases are left out, and letter case is not read.
        nothing = np.zeros(len(members))
        return Examples(
            [window.tokens for window in members],
            np.array([classes.index(window.label) for window in members]),
            [f"{window.record}:{window.start + 1}-{window.end}" for window in members],
            None,
            None,
            nothing,
            nothing,
            nothing,
        )

    return Task(
        "coding against intergenic windows",
        classes,
        examples(windows.train),
        examples(windows.test),
        None,
        {
            **about,
            "regions": windows.regions,
            "windows_found": windows.found,
            "windows_with_unknown_bases_left_out": windows.with_unknown,
        },
        Origin("windows", None),
    )


def check_known(path: str | Path, task: Task) -> None:
    """Raise InputError for a sequence of which no base is known: nothing can be learned from it."""
    for examples in task.splits.values():
        for sequence, name in zip(examples.sequences, examples.names, strict=True):
            if not (sequence < dna.UNKNOWN).any():
                raise InputError(
                    path,
                    f"all {len(sequence)} bases are unknown (N or another code); remove the row",
                    where=name,
                )
