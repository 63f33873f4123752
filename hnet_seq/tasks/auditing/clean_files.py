"""What ``hnet-seq audit --clean OUT`` writes: the splits, and what was changed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hnet_seq.evidence.audit.loci import Coordinates
from hnet_seq.results.audited import Audited, AuditedTask, Change
from hnet_seq.tasks.auditing.clean_folder import CHANGES, CHANGES_HEAD, RECORD, remove_splits
from hnet_seq.tasks.auditing.cleaning import Cleaned, clean
from hnet_seq.tasks.auditing.cleaning_left import check_left
from hnet_seq.tasks.auditing.coordinates import rows_by_place
from hnet_seq.tasks.auditing.data_set import Reading, audit_data_set
from hnet_seq.tasks.choices import CleanBy, CleanMode
from hnet_seq.tasks.classification.labelled_data import letters_of_file, tables_of
from hnet_seq.tasks.classification.task import Task
from modalities.errors import InputError
from pipelines.formats.table_text import plain_name
from pipelines.formats.tables import Table
from pipelines.storage.files import filled_folder


def write_clean(
    path: Path,
    task: Task,
    places: dict[str, Coordinates] | None,
    reading: Reading,
    *,
    out: Path,
    mode: CleanMode,
    by: CleanBy,
) -> tuple[Change, AuditedTask]:
    """Write a cleaner split into a folder, and audit it.

    Returns:
        what was changed, and the audit of what is left.

    Raises:
        InputError: coordinates are asked for and unknown, or a split has nothing left.
    """
    if by != "cluster" and places is None:
        raise InputError(
            path,
            f"says nowhere where its sequences lie, which --by {by} asks for; add columns chrom, "
            "start and end, or ids such as chr1:100-300",
        )
    found = clean(task, places, mode=mode, by=by, seed=reading.seed)
    check_left(path, task, found, mode=mode, by=by)
    with filled_folder(out) as folder:
        _write_splits(path, task, reading, found, folder)
        _write_changes(task, found, folder / CHANGES)
        after = _read_again(path, folder, out, reading)
        audited, _ = audit_data_set(folder, after, reading)
        audited["task"] = f"{task.name}, cleaned"
        change = Change(
            folder=out.name or out.resolve().name,
            mode=mode,
            by=by,
            before={name: len(examples) for name, examples in task.splits.items()},
            after={name: len(examples) for name, examples in after.splits.items()},
            dropped=found.dropped,
            moved=sum(1 for i in found.changed if found.after[i]),
            findings=audited["findings"],
        )
        Audited([audited], details={"cleaned": task.name, "mode": mode, "by": by}).write(
            folder / RECORD
        )
        remove_splits(out, folder)
    return change, audited


def _read_again(path: Path, folder: Path, out: Path, reading: Reading) -> Task:
    try:
        return replace(reading, rule="given").task(folder)
    except InputError as error:  # names a folder that is gone
        said = f"{error}".replace(f"{folder}", f"{out}")
        raise InputError(path, f"what is left is no data set: {said}") from error


def _write_splits(path: Path, task: Task, reading: Reading, found: Cleaned, folder: Path) -> None:
    names = [name for examples in task.splits.values() for name in examples.names]
    after = dict(zip(names, found.after, strict=True))
    head = _head(path, reading)
    files = {}
    try:
        for place, cells in _all_rows(path, task, reading):
            split = after.get(place, "")
            if not split:
                continue
            if split not in files:
                stream = (folder / f"{split}.csv").open("w", encoding="utf-8", newline="")
                files[split] = stream, csv.writer(stream, lineterminator="\n")
                files[split][1].writerow(head.values())
            cells["split"] = split
            files[split][1].writerow([cells.get(name, "") for name in head])
    finally:
        for stream, _ in files.values():
            stream.close()


def _head(path: Path, reading: Reading) -> dict[str, str]:
    """Columns of any of the tables, by plain name; a row has "" where its table has none."""
    head: dict[str, str] = {}
    for _, file in tables_of(path):
        for name in _columns(Table(file)):
            head.setdefault(plain_name(name), name)
    columns = ["id", reading.columns.sequence, reading.columns.label]
    return head or {plain_name(name): name for name in columns}


def _all_rows(path: Path, task: Task, reading: Reading) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and cells, by plain name, of each row as they are written."""
    if tables_of(path):
        for columns, place, row in rows_by_place(path, reading.columns, _columns):
            yield (
                place,
                {plain_name(name): row.text(name, reading.separator) for name in columns},
            )
        return
    head = _head(path, reading)
    for examples in task.splits.values():  # a folder of classes, a file for each sequence
        for number, place in enumerate(examples.names):
            label = (task.sets or task.classes)[examples.labels[number]]
            own = examples.ids[number] if examples.ids is not None else ""
            cells = (own, letters_of_file(path / place), label)
            yield place, dict(zip(head, cells, strict=True))


def _columns(table: Table) -> list[str]:
    """All columns whose name is theirs alone."""
    counts = Counter(map(plain_name, table.names))
    return [name for name in table.names if name and counts[plain_name(name)] == 1]


def _write_changes(task: Task, found: Cleaned, path: Path) -> None:
    rows = [
        (name, examples.ids[i] if examples.ids is not None else "")
        for examples in task.splits.values()
        for i, name in enumerate(examples.names)
    ]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(CHANGES_HEAD)
        for i in found.changed:
            after = found.after[i] or "dropped"
            writer.writerow(
                [*rows[i], found.before[i], after, found.reason[i], found.linked[i], found.group[i]]
            )
