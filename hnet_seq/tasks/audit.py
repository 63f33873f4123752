"""``hnet-seq audit``: data sets one by one and among each other; arguments in ``commands``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hnet_seq.commands.meaning import check_meant
from hnet_seq.evidence.audit.task import describe_findings
from hnet_seq.results.audit import Finding
from hnet_seq.results.audited import Audited, AuditedTask, Change
from hnet_seq.tasks.auditing.audit_files import between, details_of
from hnet_seq.tasks.auditing.clean_files import write_clean
from hnet_seq.tasks.auditing.clean_folder import CHANGES, RECORD
from hnet_seq.tasks.auditing.data_set import Reading, audit_data_set
from hnet_seq.tasks.choices import EVERY, FAIL_ON
from hnet_seq.tasks.classification.arguments import (
    columns_from_arguments,
    describe_task,
    separator_from_arguments,
)
from hnet_seq.tasks.classification.labelled_rows import GroupRule
from hnet_seq.tasks.classification.task import Task
from pipelines.storage.files import filled_folder

_SEVERITIES = dict(zip(FAIL_ON, ("high", "medium", "low"), strict=True))
_CLEAR = "audit: nothing found"


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    reading = _reading(args)
    paths = [Path(file) for file in args.files]
    tasks = [reading.task(path) for path in paths]
    for path, task in zip(paths, tasks, strict=True):
        if task.origin.split == "given":
            check_meant(args, f"{path} says which rows test", of="data with a split")
    details = details_of(paths, reading)
    found: list[AuditedTask] = []
    judged: list[Finding] = []
    for path, task in zip(paths, tasks, strict=True):
        for note in task.notes:
            _tell(task, note)
        audited, places = audit_data_set(path, task, reading, partial(_tell, task))
        print(describe_task(task))
        print(describe_findings(audited["findings"]) or _CLEAR)
        left = audited["findings"]
        if args.clean:
            _write(args, [*found, audited], [], details)  # stands even where nothing can be cleaned
            change, after = write_clean(
                *(path, task, places, reading),
                out=Path(args.clean),
                mode=args.mode,
                by=args.by,
            )
            audited["clean"] = change
            left = after["findings"]
            print(_describe_change(change, args.clean))
        found.append(audited)
        judged += left
    copies = between(tasks)
    if copies:
        print(describe_findings(copies))
    _write(args, found, copies, details)
    if args.out:
        print(Path(args.out) / RECORD, file=sys.stderr)
    return _code([*judged, *copies], args.fail_on)


def _write(
    args: argparse.Namespace,
    found: list[AuditedTask],
    between: list[Finding],
    details: dict[str, object],
) -> None:
    if args.out:
        with filled_folder(Path(args.out)) as folder:
            Audited(found, between, details).write(folder / RECORD)


def _tell(task: Task, note: str) -> None:
    print(f"note: {task.name}: {note}", file=sys.stderr)


def _reading(args: argparse.Namespace) -> Reading:
    group = GroupRule.parse(args.group_by) if args.group_by else None
    return Reading(
        columns_from_arguments(args, group),
        rule=args.split,
        test_fraction=args.test_fraction,
        problem=args.problem,
        separator=separator_from_arguments(args),
        every_task=args.task == EVERY,
        seed=args.seed,
        genome=Path(args.genome) if args.genome else None,
        shards=args.shards,
    )


def _describe_change(change: Change, folder: str) -> str:
    """What was dropped and moved, and what is found in what is left."""
    before, after = (
        ", ".join(f"{name} {count:,}" for name, count in counts.items())
        for counts in (change["before"], change["after"])
    )
    lines = [f"cleaned ({change['mode']} by {change['by']}): {before} -> {after}"]
    lines += [f"  dropped {count:,}: {why}" for why, count in sorted(change["dropped"].items())]
    if change["moved"]:
        lines.append(f"  moved {change['moved']:,}: drawn anew")
    files = ", ".join([*(f"{name}.csv" for name in change["after"]), CHANGES, RECORD])
    lines.append(f"{folder}: {files}; audited again:")
    lines.append(describe_findings(change["findings"]) or _CLEAR)
    return "\n".join(lines)


def _code(found: Sequence[Finding], fail_on: str | None) -> int:
    """1 where something is as bad as ``fail_on`` or worse."""
    if fail_on is None:
        return 0
    bad = {_SEVERITIES[name] for name in FAIL_ON[: FAIL_ON.index(fail_on) + 1]}
    count = sum(each["severity"] in bad for each in found)
    if not count:
        return 0
    print(f"hnet-seq audit: {count:,} findings are {fail_on} or worse", file=sys.stderr)
    return 1
