"""Whether what a cleaner split keeps is still a data set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.tasks.auditing.cleaning import Cleaned
from hnet_seq.tasks.choices import CLEAN_MODES, CleanBy, CleanMode
from hnet_seq.tasks.classification.task import Task
from modalities.errors import InputError


def check_left(path: Path, task: Task, found: Cleaned, *, mode: CleanMode, by: CleanBy) -> None:
    """Raise InputError where a split has nothing left, or train has not what it must teach."""
    other = next(each for each in CLEAN_MODES if each != mode)
    remedy = f"try --mode {other}, or another --by"
    after = np.array(found.after)
    if not any(found.after):  # in any mode
        why = _why(found, np.ones(len(after), bool), by)
        raise InputError(path, f"nothing is left: {why}; mend the labels or sequences of these")
    for name in ("train", "test"):
        if name not in found.after:
            why = _why(found, np.ones(len(after), bool), by)
            raise InputError(path, f"nothing is left of {name}: {why}; {remedy}")
    if task.problem != "classes":
        return
    labels = np.concatenate([examples.labels for examples in task.splits.values()])
    trained = set(labels[after == "train"].tolist())
    for name in ("test", "validation"):
        for number in sorted(set(labels[after == name].tolist()) - trained):
            raise InputError(
                path,
                f"nothing of {task.classes[number]!r} is left in train, and {name} has it: "
                f"{_why(found, labels == number, by)}; {remedy}",
            )
    if len(trained) < 2:
        number = trained.pop()
        raise InputError(
            path,
            f"all that is left is {task.classes[number]!r}: "
            f"{_why(found, labels != number, by)}; {remedy}",
        )


def _why(found: Cleaned, members: NDArray[np.bool_], by: CleanBy) -> str:
    """What became of most of some rows."""
    chosen = np.flatnonzero(members).tolist()
    dropped = Counter(found.reason[i] for i in chosen if found.reason[i] and not found.after[i])
    if dropped:
        ((reason, rows),) = dropped.most_common(1)
        return f"{rows:,} rows are dropped as {reason!r}"
    groups = len({found.group[i] for i in chosen})
    return f"what stays together by {by} is {groups:,} group{'s' * (groups > 1)}"
