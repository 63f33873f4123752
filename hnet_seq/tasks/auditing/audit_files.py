"""Audit labelled files as a function: what ``hnet-seq audit`` says of them, as its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path

from hnet_seq.commands.audit import check_sets, check_sources
from hnet_seq.commands.checks import check_seed, check_there
from hnet_seq.evidence.audit.links import COPY, REVERSE, find_links
from hnet_seq.results.audit import Finding
from hnet_seq.results.audited import Audited, AuditedTask
from hnet_seq.tasks.auditing.clean_files import write_clean
from hnet_seq.tasks.auditing.data_set import Reading, audit_data_set
from hnet_seq.tasks.choices import (
    CLEAN_BY,
    CLEAN_MODES,
    PROBLEMS,
    SPLIT_RULES,
    CleanBy,
    CleanMode,
)
from hnet_seq.tasks.classification.labelled_rows import Columns
from hnet_seq.tasks.classification.labels import SEPARATOR, Problem
from hnet_seq.tasks.classification.splits import SplitRule
from hnet_seq.tasks.classification.task import Task, check_choice
from modalities.errors import UsageError
from pipelines.storage.files import check_folder


def audit(
    files: str | Path | Sequence[str | Path],
    columns: Columns | None = None,
    *,
    split: SplitRule | None = None,
    test_fraction: float = 0.2,
    problem: Problem | None = None,
    label_separator: str = SEPARATOR,
    every_task: bool = False,
    seed: int = 0,
    genome: str | Path | None = None,
    shards: str | Path | Sequence[str | Path] = (),
    clean: str | Path | None = None,
    mode: CleanMode = "filter",
    by: CleanBy = "cluster",
    tell: Callable[[str], None] | None = None,
) -> Audited:
    """What makes a score on labelled sequences mean less than it says; see ``docs/audit.md``.

    The findings of each set, the worst first, are ``audit(...).tasks[0]["findings"]``; the record's
    ``write(path)`` keeps it, and :func:`hnet_seq.read_result` reads it.

    Args:
        files: a table or a folder, as :func:`hnet_seq.task_from_data` takes it, or several, which
            are audited one by one; copies among them are ``between``.
        columns: which columns mean what.
        split, test_fraction, problem, label_separator, every_task, seed: as ``rule``,
            ``test_fraction``, ``problem``, ``separator``, ``every_task`` and ``seed`` of
            :func:`hnet_seq.task_from_data`.
        genome: a file that they are from: which classes stand in it.
        shards: a folder of what a model was pretrained on, or several.
        clean: a folder for a cleaner split of one set, which is audited again (``clean`` of the
            set); None writes nothing.
        mode: ``filter`` or ``resplit``. by: ``cluster``, ``locus`` or ``chromosome``.
        tell: hears notes on the data, such as of rows without a place; None: nobody.

    Raises:
        InputError: a file or row that cannot be read, or a cleaner split that is none.
        UsageError: what cannot be meant, such as one file twice.
    """
    paths = [Path(each) for each in _several(files)]
    folders = [str(each) for each in _several(shards)]
    if not paths:
        raise UsageError("files", "is empty; give a table or a folder")
    if clean is not None:
        if not str(clean):  # Path("") is the folder where one works
            raise UsageError("clean", "is empty; name a folder")
        check_folder(clean, "clean")
    check_there(*paths, genome)
    check_seed(seed)
    if not 0 < test_fraction < 1:
        raise UsageError("test_fraction", f"is {test_fraction}; expected 0 to 1")
    for parameter, value, known in (
        ("split", split, SPLIT_RULES),
        ("problem", problem, PROBLEMS),
        ("mode", mode, CLEAN_MODES),
        ("by", by, CLEAN_BY),
    ):
        check_choice(parameter, value, known)
    check_sets(paths, clean=clean, genome=genome)
    check_sources(folders, None if genome is None else str(genome))
    reading = Reading(
        columns or Columns(),
        rule=split,
        test_fraction=test_fraction,
        problem=problem,
        separator=label_separator,
        every_task=every_task,
        seed=seed,
        genome=None if genome is None else Path(genome),
        shards=folders,
    )
    tasks = [reading.task(path) for path in paths]
    found: list[AuditedTask] = []
    for path, task in zip(paths, tasks, strict=True):
        heard = partial(_tell, task, tell)
        for note in task.notes:
            heard(note)
        audited, places = audit_data_set(path, task, reading, heard)
        if clean is not None:
            change, _ = write_clean(path, task, places, reading, out=Path(clean), mode=mode, by=by)
            audited["clean"] = change
        found.append(audited)
    return Audited(found, between(tasks), details_of(paths, reading))


def _several(given: str | Path | Sequence[str | Path]) -> Sequence[str | Path]:
    return [given] if isinstance(given, str | Path) else given


def _tell(task: Task, tell: Callable[[str], None] | None, note: str) -> None:
    if tell is not None:
        tell(f"{task.name}: {note}")


def details_of(paths: Sequence[Path], reading: Reading) -> dict[str, object]:
    """What was audited with what, for the record."""
    return {
        "files": [path.name for path in paths],
        "seed": reading.seed,
        "genome": None if reading.genome is None else reading.genome.name,
        "shards": [Path(each).name for each in reading.shards],
    }


def between(tasks: Sequence[Task]) -> list[Finding]:
    """Copies of one data set's test sequences in another's training sequences, both ways."""
    found = []
    for one, other in combinations(tasks, 2):
        for first, second in ((one, other), (other, one)):
            links = find_links(first.train.sequences, second.test.sequences)
            copies = sum(reason in (COPY, REVERSE) for reason in links.reason)
            n = len(second.test)
            if not links.reason:
                continue
            at, there = int(links.query[0]), int(links.reference[0])
            found.append(
                Finding(
                    severity="medium" if len(links.reason) >= 0.01 * n else "low",
                    kind="between",
                    text=f"{len(links.reason):,} of {n:,} test sequences of {second.name} have "
                    f"their like in train of {first.name} ({copies:,} copies), such as "
                    f"{second.test.name(at)} and {first.train.name(there)}",
                    remedy="a model that learned from one is not tested by the other",
                )
            )
    return found
