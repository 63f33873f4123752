"""Labelled sequences of a file or a folder, in any of the layouts that benchmarks come in.

Folders:

- ``train.csv``, ``dev.csv``, ``test.csv`` (GUE, DNABERT), as TSV, gzip, zstd or Parquet too;
- ``train-00000-of-00001.parquet``, in the folder or in its ``data/`` (Nucleotide Transformer);
- ``train/CLASS/*.txt``, ``test/CLASS/*.txt``, one sequence a file (Genomic Benchmarks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hnet_seq.tasks.classification.labelled_rows import (
    SPLITS,
    Columns,
    Row,
    Split,
    labelled_row,
    rows_of_table,
    with_one_spelling,
)
from modalities.errors import InputError, UsageError
from pipelines.formats.table_rows import TableRow
from pipelines.formats.table_text import as_number
from pipelines.storage.compression import read_chunks, stem_of

_TABLE = re.compile(r"([a-z]+)(?:[-_.].*)?\.(csv|tsv|parquet)", re.IGNORECASE)
_TEXT = ".txt"
_LAYOUTS = (
    "expected train.csv and test.csv (or TSV, Parquet), or train/CLASS/*.txt and test/CLASS/*.txt"
)


def read_labelled(path: str | Path, columns: Columns | None = None) -> list[Row]:
    """The rows of a file or folder; those of a folder have the split of their file or subfolder.

    Rows of a folder stand in the order of train, validation, test, and of file names in each. A
    whole number that one file writes as 0 and another as 0.0 is one label, 0.

    Args:
        columns: which columns mean what; a folder of classes has the columns ``sequence``,
            ``label`` (the subfolder) and ``id`` (the file's name without its ending).

    Raises:
        InputError: nothing that can be read as one of the layouts, or a row that is wrong.
    """
    return with_one_spelling(_read(Path(path), columns or Columns()))


def _read(path: Path, columns: Columns) -> list[Row]:
    if not path.is_dir():
        return list(rows_of_table(path, columns))
    folders = _split_folders(path)
    if folders:
        return [
            row for split, folder in folders for row in _class_rows(path, split, folder, columns)
        ]
    files = tables_of(path)
    if not files:
        raise InputError(path, f"holds no split; {_LAYOUTS}")
    rows = []
    for split, file in files:
        name = file.relative_to(path)
        found = rows_of_table(file, columns, split=split)
        rows += [replace(row, place=f"{name}: {row.place}") for row in found]
    return rows


def tables_of(path: Path) -> list[tuple[Split | None, Path]]:
    """The tables that data are read from, each with its split; none for a folder of classes."""
    if not path.is_dir():
        return [(None, path)]
    if _split_folders(path):
        return []
    found = _split_files(path) or (_split_files(path / "data") if (path / "data").is_dir() else [])
    return list(found)


def split_of_name(name: str) -> Split | None:
    """The split that a table's name says, such as ``train.csv``; None where it says none."""
    match = _TABLE.fullmatch(stem_of(name))
    return SPLITS.get(match[1].lower()) if match else None


def _split_folders(path: Path) -> list[tuple[Split, Path]]:
    found: dict[Split, Path] = {}
    for folder in sorted(path.iterdir()):
        split = SPLITS.get(folder.name.lower()) if folder.is_dir() else None
        if split is None:
            continue
        if split in found:
            raise InputError(path, f"{found[split].name} and {folder.name} are both {split}")
        found[split] = folder
    for split in ("train", "test") if found else ():
        if split not in found:
            there = ", ".join(f"{folder.name}/" for folder in found.values())
            raise InputError(path, f"has {there} but no {split}/; {_LAYOUTS}")
    return _in_order(found)


def _in_order(found: dict[Split, Path]) -> list[tuple[Split, Path]]:
    order: tuple[Split, ...] = ("train", "validation", "test")
    return [(split, found[split]) for split in order if split in found]


def _split_files(path: Path) -> list[tuple[Split, Path]]:
    files: dict[Split, list[Path]] = {}
    for file in sorted(path.iterdir()):
        split = split_of_name(file.name) if file.is_file() else None
        if split is not None:
            files.setdefault(split, []).append(file)
    for split, members in files.items():
        # Several parts of one Parquet split are how it is stored; a CSV beside them is a copy.
        if len(members) > 1 and {file.suffix.lower() for file in members} != {".parquet"}:
            names = " and ".join(file.name for file in members)
            raise InputError(path, f"{names} are both {split}; leave one, or name a file")
    order: tuple[Split, ...] = ("train", "validation", "test")
    for split in ("train", "test") if files else ():
        if split not in files:
            raise InputError(path, f"has no {split} file; {_LAYOUTS}")
    return [(split, file) for split in order for file in files.get(split, [])]


def _class_rows(path: Path, split: Split, folder: Path, columns: Columns) -> Iterator[Row]:
    classes = [c for c in sorted(folder.iterdir()) if c.is_dir() and not c.name.startswith(".")]
    if not classes:
        raise InputError(folder, f"holds no folder of a class; {_LAYOUTS}")

    if columns.where.values:
        raise UsageError("--where", f"is for rows of a table, and {path} is a folder of classes")
    columns = replace(columns, sequence="sequence", label="label")
    if columns.group is not None and columns.group.column not in ("sequence", "label", "id"):
        raise InputError(
            path, f"no column {columns.group.column!r}, but sequence, label, id; see --group-by"
        )
    for members in classes:
        files = [file for file in sorted(members.iterdir()) if stem_of(file.name).endswith(_TEXT)]
        if not files:
            raise InputError(members, "the class is empty: no .txt file with a sequence")
        for number, file in enumerate(files, 1):
            name = stem_of(file.name).removesuffix(_TEXT)
            cells = {"sequence": letters_of_file(file), "label": members.name, "id": name}
            row = TableRow(str(file.relative_to(path)), number, cells)
            yield labelled_row(path, row, columns, split, "id", as_number(members.name))


def letters_of_file(file: Path) -> str:
    """The sequence of a file of a folder of classes; InputError for FASTA."""
    text = b"".join(read_chunks(file)).decode("ascii", "replace").strip()
    if text.startswith(">"):
        raise InputError(file, "is FASTA; expected the letters of one sequence and nothing else")
    return text
