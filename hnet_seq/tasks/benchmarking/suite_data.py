"""The data of a suite's task: found below a folder, checked, read as ``classify`` reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from hnet_seq.tasks.benchmarking.per_base import read_per_base
from hnet_seq.tasks.benchmarking.per_base_task import PerBase
from hnet_seq.tasks.benchmarking.suites import Suite, SuiteTask
from hnet_seq.tasks.benchmarking.untaught_task import Measured, Untaught
from hnet_seq.tasks.classification.labelled_rows import Columns
from hnet_seq.tasks.classification.task import Task, check_known, task_from_data, task_from_windows
from hnet_seq.tasks.classification.windows import coding_and_intergenic
from modalities.errors import InputError, UsageError
from modalities.file_hash import file_sha256


def check_data(suite: Suite, tasks: Sequence[SuiteTask], folder: Path) -> None:
    """Raise InputError where a file of a task is not there, or is another one than the suite's."""
    for task in tasks:
        for name in task.files:
            if not (folder / name).exists():
                where = f" ({suite.source})" if suite.source else ""
                raise InputError(
                    folder / name,
                    f"not there, and {task.name} of {suite.name} is read from it; nothing is "
                    f"downloaded: put it there{where}, give the folder above with --data, or leave "
                    "the task out with --tasks",
                )
        for name, expected in task.sha256.items():
            if not (folder / name).is_file():
                raise InputError(
                    folder / name,
                    f"is no file, and {task.name} of {suite.name} has a sha256 of it; fetch it"
                    f"{f' ({suite.source})' if suite.source else ''}, or name files in the sha256 "
                    "of a copy of the suite and give that",
                )
            found = file_sha256(folder / name)
            if found != expected.lower():
                raise InputError(
                    folder / name,
                    f"is not the file of {suite.name}: sha256 {found[:12]}..., expected "
                    f"{expected[:12]}...; fetch it again, or take the hash out of a copy of the "
                    "suite and give that",
                )


def read_task(task: SuiteTask, folder: Path, *, seed: int) -> Task:
    """What is learned and tested on.

    Args:
        seed: of a split that is drawn, and of what is left of a limited training split.

    Raises:
        InputError: a row that cannot be learned from; with file and line.
    """
    try:
        if task.per_base is not None:
            return read_per_base(task.per_base, folder, seed=seed)
        return _windows(task, folder, seed) if task.windows else _rows(task, folder, seed)
    except UsageError as error:  # nobody gave such an option: it is the suite that has it
        said = in_words_of_a_suite(f"{error}")
        raise InputError(folder / task.files[0], f"{task.name} of the suite: {said}") from None
    except InputError as error:
        raise InputError(None, in_words_of_a_suite(f"{error}")) from None


def in_words_of_a_suite(error: str) -> str:
    """What was written for options of other verbs, with the keys of a suite in their place."""
    keys = {each.name for kind in (SuiteTask, PerBase, Untaught, Measured) for each in fields(kind)}
    error = re.sub(r"^validation(?=[: ])", "held_out", error)
    error = re.sub(r"`split` (given|random|similarity)", r"split: \1 in the suite", error)
    error = re.sub(r"`guard` (\d+)", r"the \1 bases beside it", error)
    error = error.replace("`sequence_column`", "`sequence`")
    return re.sub(
        r"`(\w+)`",
        lambda found: f"{found[1]} in the suite" if found[1] in keys else found[0],
        error,
    )


def _rows(task: SuiteTask, folder: Path, seed: int) -> Task:
    columns = Columns(
        task.sequence,
        "mean bin" if task.counts else task.label,
        task.grouped(),
        task.wanted(),
        split=task.split_column,
        counts=tuple(task.counts),
    )
    found = task_from_data(
        folder / task.path,
        columns,
        rule=task.split,
        test_fraction=task.test_fraction,
        limit_train=task.limit_train,
        seed=seed,
        problem=task.problem,
    )
    check_known(folder / task.path, found)
    return found


def _windows(task: SuiteTask, folder: Path, seed: int) -> Task:
    assert task.windows is not None
    own = task.windows
    found = coding_and_intergenic(
        folder / own.genome,
        folder / own.annotation,
        test_region=own.test_region,
        length=own.length,
        max_train=own.max_train,
        max_test=own.max_test,
        seed=seed,
    )
    said = f"{own.test_region} of {Path(own.genome).name} is tested on"
    return task_from_windows(found, {"split": said})
