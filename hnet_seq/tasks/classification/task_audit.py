"""The audit of a task's splits, whatever is learned from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.task import Audit, audit, describe_audit
from hnet_seq.tasks.classification.task import Task

# What only classes can have.
_OF_CLASSES = {
    "multi-label": ("classes", "shortcut"),
    "regression": ("classes", "shortcut", "labels"),
}
_CLEAR = (
    "audit: nothing found: no sequence stands in two splits (exactly, as reverse complement or "
    "nearly), and no id or group repeats; what length and composition tell is in the table"
)


def audit_task(task: Task, seed: int) -> tuple[Audit, NDArray[np.bool_]]:
    """As :func:`hnet_seq.evidence.audit.task.audit`, without what makes sense of classes only."""
    found, clean = audit(
        task.train,
        task.test,
        task.sets or task.classes,
        validation=task.validation,
        origin=task.origin,
        seed=seed,
    )
    without = _OF_CLASSES.get(task.problem)
    if without is not None:
        found["findings"] = [each for each in found["findings"] if each["kind"] not in without]
        found["shortcuts"] = []
    return found, clean


def describe_task_audit(task: Task, found: Audit) -> str:
    """For above the scores, see :func:`hnet_seq.evidence.audit.task.describe_audit`."""
    if task.problem != "classes" and not found["findings"]:
        return _CLEAR
    return describe_audit(found)
