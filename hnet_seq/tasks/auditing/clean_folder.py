"""The folder of ``hnet-seq audit --clean OUT``: what it has, and what else it may not have."""

from __future__ import annotations

from pathlib import Path

from hnet_seq.tasks.classification.labelled_data import split_of_name
from hnet_seq.tasks.classification.labelled_rows import SPLITS
from modalities.errors import UsageError

CHANGES, RECORD = "changes.tsv", "audit.json"
CHANGES_HEAD = ("row", "id", "before", "after", "reason", "other", "group")
SPLIT_FILES = ("train.csv", "validation.csv", "test.csv")
FILES = (*SPLIT_FILES, CHANGES, RECORD)


def check_clean_folder(out: Path) -> None:
    """Raise UsageError unless a folder is new, empty, or one that ``--clean`` wrote.

    What else is read as a split there would be of the cleaned set too, and leak into it.
    """
    there = [each for each in out.iterdir() if each.name[:1] != "."] if out.is_dir() else []
    if not there:
        return
    if not _was_written(out / CHANGES):
        raise UsageError("clean", f"{out} has files that no --clean wrote; name a new folder")
    for each in sorted(there):
        split = SPLITS.get(each.name.lower()) if each.is_dir() else split_of_name(each.name)
        if each.name not in FILES and split is not None:
            raise UsageError(
                "clean", f"{out} has {each.name}, which no --clean wrote; name a new folder"
            )


def remove_splits(out: Path, new: Path) -> None:
    """Take away the splits of an earlier ``--clean`` that a new one does not have."""
    for name in SPLIT_FILES:
        if not (new / name).exists():
            (out / name).unlink(missing_ok=True)


def _was_written(changes: Path) -> bool:
    if not changes.is_file():
        return False
    with changes.open(encoding="utf-8", errors="replace") as stream:
        return stream.readline().rstrip("\n") == "\t".join(CHANGES_HEAD)
